/** Relative luminance of a colour `#rrggbb`, WCAG 2.2. */
export function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** White or near black: whichever can be read better on the colour. */
export function readableOn(color: string): '#ffffff' | '#141517' {
  const ratio = (a: number, b: number) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const background = luminance(color);
  return ratio(background, 1) >= ratio(background, luminance('#141517')) ? '#ffffff' : '#141517';
}
