import { useDeferredValue, useEffect, useState } from 'react';
import classes from './markdown.module.css';

type Render = (text: string) => string;
let render: Render | null = null;

/** Markdown as an AI writes it; plain text until the renderer, a chunk of its own, is there. */
export function Markdown({ text, caret = false }: { text: string; caret?: boolean }) {
  const [ready, setReady] = useState(render !== null);
  const deferred = useDeferredValue(text);
  useEffect(() => {
    if (ready) return;
    let wanted = true;
    void import('./render-markdown').then((module) => {
      render = module.renderMarkdown;
      if (wanted) setReady(true);
    });
    return () => {
      wanted = false;
    };
  }, [ready]);
  if (!render) return <div className={classes.plain}>{text}</div>;
  return (
    <div
      className={classes.markdown}
      data-caret={caret || undefined}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: sanitised by renderMarkdown
      dangerouslySetInnerHTML={{ __html: render(deferred) }}
    />
  );
}
