/** One line without the marks of Markdown, for a preview. */
export const plainText = (body: string): string =>
  body
    .replace(/[*_`#>|]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
