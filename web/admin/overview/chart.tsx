import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { text } from "../text.js";

interface Props {
  title: string;
  names: string[];
  /** In seconds since 1970. */
  times: number[];
  /** One for each name, as long as `times`; null is a gap. */
  lines: (number | null)[][];
}

const height = 190;

/** Lines over time. The numbers of the last time stand in the legend, for readers who do not see the lines. */
export function Chart({ title, names, times, lines }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);

  useEffect(() => {
    const view = box.current;
    if (view === null) return undefined;
    plot.current = new uPlot(optionsOf(names, view.clientWidth), [times, ...lines], view);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: view.clientWidth, height }));
    resized.observe(view);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => plot.current?.redraw();
    scheme.addEventListener("change", repaint);
    return () => {
      scheme.removeEventListener("change", repaint);
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [names.join("\n")]);
  useEffect(() => plot.current?.setData([times, ...lines]), [times, lines]);

  return (
    <figure aria-label={title}>
      <figcaption>{title}</figcaption>
      <div ref={box} />
      <p class="hidden-label">
        {names.map((name, i) => `${name}: ${lines[i]?.findLast((value) => value !== null) ?? "–"}`).join(", ")}
      </p>
    </figure>
  );
}

const color = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = (seconds: number) => new Date(seconds * 1000).toLocaleTimeString();
const newest = (plot: uPlot, series: number) => [...(plot.data[series] ?? [])].findLast((value) => typeof value === "number") ?? null;
const figure = (value: number | null) => (value === null ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: 1 }));
const colors = ["--accent", "--good", "--warn", "--bad", "--soft"];

function optionsOf(names: string[], width: number): uPlot.Options {
  const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [{ ...axis, space: 90, values: (_plot, times) => times.map(clock) }, { ...axis, size: 56 }],
    series: [
      { label: text.overview.time, value: (plot, time, _series, place) => clock(place === null ? (plot.data[0].at(-1) ?? 0) : time) },
      ...names.map((label, i) => ({
        label,
        stroke: color(colors[i % colors.length] ?? "--accent"),
        width: 2,
        spanGaps: false,
        // Away from the pointer the legend shows the newest values.
        value: (plot: uPlot, value: number | null, series: number, place: number | null) =>
          figure(place === null ? newest(plot, series) : value),
      })),
    ],
  };
}
