/** @jsxImportSource preact */
import { type Block, type Inline, parseMarkdown } from '../markdown';

/** A text's blocks are made once, however often its message is drawn. */
const parsed = new WeakMap<object, Block[]>();

export function RichText({ text, owner }: { text: string; owner?: object }) {
  let blocks = owner && parsed.get(owner);
  if (!blocks) {
    blocks = parseMarkdown(text);
    if (owner) parsed.set(owner, blocks);
  }
  return <div class="rich">{blocks.map(drawBlock)}</div>;
}

function drawBlock(block: Block, key: number) {
  switch (block.kind) {
    case 'paragraph':
      return <p key={key}>{block.content.map(drawInline)}</p>;
    case 'heading':
      return (
        <p key={key} class="heading">
          {block.content.map(drawInline)}
        </p>
      );
    case 'quote':
      return <blockquote key={key}>{block.content.map(drawInline)}</blockquote>;
    case 'code':
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide listing must be scrollable with the keyboard
        <pre key={key} tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case 'list': {
      const items = block.items.map(drawItem);
      return block.ordered ? (
        <ol key={key} start={block.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
  }
}

function drawItem(item: Inline[], key: number) {
  return <li key={key}>{item.map(drawInline)}</li>;
}

function drawInline(inline: Inline, key: number) {
  switch (inline.kind) {
    case 'text':
      return inline.text;
    case 'break':
      return <br key={key} />;
    case 'bold':
      return <strong key={key}>{inline.content.map(drawInline)}</strong>;
    case 'italic':
      return <em key={key}>{inline.content.map(drawInline)}</em>;
    case 'code':
      return <code key={key}>{inline.text}</code>;
    case 'link':
      return (
        <a key={key} href={inline.href} target="_blank" rel="noopener noreferrer nofollow">
          {inline.text}
        </a>
      );
  }
}
