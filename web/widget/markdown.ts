/** The little Markdown that answers use. It becomes data, never HTML: what is not known here stays text. */
export type Block =
  | { kind: 'paragraph'; content: Inline[] }
  | { kind: 'heading'; content: Inline[] }
  | { kind: 'quote'; content: Inline[] }
  | { kind: 'list'; ordered: boolean; start: number; items: Inline[][] }
  | { kind: 'code'; text: string };

export type Inline =
  | { kind: 'text'; text: string }
  | { kind: 'bold'; content: Inline[] }
  | { kind: 'italic'; content: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'link'; href: string; text: string }
  | { kind: 'break' };

const bullet = /^\s{0,3}[-*+]\s+(.*)$/;
const numbered = /^\s{0,3}(\d{1,9})[.)]\s+(.*)$/;

export function parseMarkdown(source: string): Block[] {
  const blocks: Block[] = [];
  const lines = source.replace(/\r\n?/g, '\n').split('\n');
  let paragraph: string[] = [];
  const endParagraph = () => {
    if (paragraph.length > 0) blocks.push({ kind: 'paragraph', content: inlinesOf(paragraph) });
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const heading = /^\s{0,3}#{1,6}\s+(.*?)\s*#*$/.exec(line);
    const quote = /^\s{0,3}>\s?(.*)$/.exec(line);
    if (/^\s{0,3}(```|~~~)/.test(line)) {
      endParagraph();
      const fence = line.trim().slice(0, 3);
      const code: string[] = [];
      // A fence that is still open belongs to an answer that is still being written.
      while (++i < lines.length && !lines[i]?.trim().startsWith(fence)) code.push(lines[i] ?? '');
      blocks.push({ kind: 'code', text: code.join('\n') });
    } else if (heading) {
      endParagraph();
      blocks.push({ kind: 'heading', content: inlines(heading[1] ?? '') });
    } else if (quote) {
      endParagraph();
      const quoted = [quote[1] ?? ''];
      for (
        let next = /^\s{0,3}>\s?(.*)$/.exec(lines[i + 1] ?? '');
        next;
        next = /^\s{0,3}>\s?(.*)$/.exec(lines[i + 1] ?? '')
      ) {
        quoted.push(next[1] ?? '');
        i++;
      }
      blocks.push({ kind: 'quote', content: inlinesOf(quoted) });
    } else if (bullet.test(line) || numbered.test(line)) {
      endParagraph();
      i = list(lines, i, blocks);
    } else if (line.trim() === '') endParagraph();
    else paragraph.push(line.trim());
  }
  endParagraph();
  return blocks;
}

/** Takes the list that begins at `first`; returns its last line. */
function list(lines: string[], first: number, blocks: Block[]): number {
  const ordered = !bullet.test(lines[first] ?? '');
  const items: string[][] = [];
  let last = first;
  for (let i = first; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const item = ordered ? numbered.exec(line)?.[2] : bullet.exec(line)?.[1];
    if (item !== undefined) items.push([item]);
    else if (/^\s{2,}\S/.test(line)) items.at(-1)?.push(line.trim());
    else if (line.trim() !== '' || !(ordered ? numbered : bullet).test(lines[i + 1] ?? '')) break;
    last = i;
  }
  const start = ordered ? Number(numbered.exec(lines[first] ?? '')?.[1] ?? 1) : 1;
  blocks.push({ kind: 'list', ordered, start, items: items.map(inlinesOf) });
  return last;
}

function inlinesOf(lines: string[]): Inline[] {
  return lines.flatMap((line, i): Inline[] => (i === 0 ? inlines(line) : [{ kind: 'break' }, ...inlines(line)]));
}

/** Each alternative ends at a fixed mark and cannot be matched in two ways, so hostile text costs no more than linear time. */
const inlinePattern = new RegExp(
  [
    '`([^`\\n]{1,1000})`',
    '\\*\\*([^*\\n]{1,1000})\\*\\*',
    '\\*([^*\\s][^*\\n]{0,1000})\\*',
    '\\[([^\\]\\[\\n]{1,500})\\]\\(([^()\\s]{1,2000})\\)',
    '(https?://[^\\s<>"\'`（）。，；！？、）」』】]{1,2000})',
  ].join('|'),
  'g',
);

function inlines(text: string): Inline[] {
  const parts: Inline[] = [];
  let from = 0;
  const push = (plain: string) => plain && parts.push({ kind: 'text', text: plain });
  for (const match of text.matchAll(inlinePattern)) {
    const [whole, code, bold, italic, label, target, url] = match;
    push(text.slice(from, match.index));
    from = match.index + whole.length;
    if (code !== undefined) parts.push({ kind: 'code', text: code });
    else if (bold !== undefined) parts.push({ kind: 'bold', content: inlines(bold) });
    else if (italic !== undefined) parts.push({ kind: 'italic', content: inlines(italic) });
    else if (label !== undefined && target !== undefined && safeHref(target))
      parts.push({ kind: 'link', href: target, text: label });
    else if (url !== undefined) {
      // The full stop after an address ends the sentence, not the address.
      const address = url.replace(/[.,;:!?)\]*]+$/, '');
      parts.push({ kind: 'link', href: address, text: address });
      push(url.slice(address.length));
    } else push(whole);
  }
  push(text.slice(from));
  return parts;
}

export function safeHref(href: string): boolean {
  return /^(https?:\/\/|mailto:)[^\s]+$/i.test(href);
}
