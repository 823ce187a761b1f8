// Numbers and times for people.

const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
export const perSecond = (n: number | null): string => (n === null ? "–" : `${short.format(n)}/s`);
export const ms = (n: number | null): string => (n === null ? "–" : `${short.format(n)} ms`);
export const bytes = (n: number): string => `${short.format(n / 1024 / 1024)} MB`;
export const time = (at: number | string): string => new Date(at).toLocaleString();
