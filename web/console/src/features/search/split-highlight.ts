/** A text with its hits between « and », taken apart. */
export function splitHighlight(text: string): { text: string; hit: boolean }[] {
  return text
    .split(/(«[^»]*»)/)
    .filter((part) => part !== '')
    .map((part) =>
      part.startsWith('«') && part.endsWith('»') ? { text: part.slice(1, -1), hit: true } : { text: part, hit: false },
    );
}
