/** @jsxImportSource preact */
import { useState } from 'preact/hooks';
import type { Language } from '../words';
import { Icon } from './icons';

type Progress = { kind: 'asking' } | { kind: 'sending' } | { kind: 'failed' };

/** Asked once a conversation is resolved; gone once it is given. */
export function Rating({ words, rate }: { words: Language; rate(score: number, comment: string): Promise<void> }) {
  const [score, setScore] = useState(0);
  const [comment, setComment] = useState('');
  const [progress, setProgress] = useState<Progress>({ kind: 'asking' });

  function submit(event: Event) {
    event.preventDefault();
    setProgress({ kind: 'sending' });
    rate(score, comment.trim()).catch(() => setProgress({ kind: 'failed' }));
  }

  return (
    <form class="card rating" onSubmit={submit}>
      <fieldset>
        <legend>{words.rate}</legend>
        <div class="stars">
          {[1, 2, 3, 4, 5].map((value) => (
            <label key={value} class={value <= score ? 'on' : ''}>
              <input
                type="radio"
                name="score"
                value={value}
                checked={value === score}
                onChange={() => setScore(value)}
              />
              <Icon name="star" />
              <span class="unseen">{words.stars(value)}</span>
            </label>
          ))}
        </div>
      </fieldset>
      {score > 0 && (
        <>
          <input
            class="comment"
            value={comment}
            maxLength={1_000}
            placeholder={words.comment}
            aria-label={words.comment}
            onInput={(event) => setComment(event.currentTarget.value)}
          />
          <button type="submit" class="solid" disabled={progress.kind === 'sending'}>
            {words.sendRating}
          </button>
        </>
      )}
      {progress.kind === 'failed' && (
        <p class="warning" role="alert">
          {words.ratingFailed}
        </p>
      )}
    </form>
  );
}
