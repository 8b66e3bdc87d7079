import classes from './markdown.module.css';

const address = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}、。，；：！？）】])/g;

/** What a person wrote, as written; web addresses can be opened. */
export function LinkedText({ text }: { text: string }) {
  return (
    <div className={classes.plain}>
      {text.split(address).map((part, index) =>
        index % 2 === 1 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text keep their places
          <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </div>
  );
}
