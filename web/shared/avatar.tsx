// A circle with the first letter of a name, in a colour that belongs to the user.

const colours = 8;

export function Avatar({ id, name }: { id: string; name: string }) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9_973;
  const [first = "?"] = name.trim().normalize("NFC");
  // The letter is drawn by the style, so that it is no part of the text beside it.
  return <span class={`avatar colour${sum % colours}`} data-letter={first.toUpperCase()} aria-hidden="true" />;
}
