/** @jsxImportSource preact */
import type { Attachment, Entry, Sender } from '@shared/api-types';
import type { Unsent } from '@shared/socket';
import type { ChatView } from '../chat';
import { daysAgo, type Language } from '../words';
import { Icon } from './icons';
import { RichText } from './rich-text';

export type MessageActions = {
  loadEarlier(): void;
  stopReply(): void;
  retry(unsent: Unsent): void;
  discard(unsent: Unsent): void;
  /** An attachment's address with what opens it. */
  fileAddress(file: Attachment): string;
};

type Props = { view: ChatView; words: Language; greeting: string; actions: MessageActions };

/** Messages of one sender stand together when they were written within this time. */
const together = 5 * 60_000;

export function MessageList({ view, words, greeting, actions }: Props) {
  return (
    <>
      {view.earlier !== 'none' && (
        <button type="button" class="earlier" disabled={view.earlier === 'loading'} onClick={actions.loadEarlier}>
          {view.earlier === 'failed' ? `${words.loadFailed} ${words.tryAgain}` : words.loadEarlier}
        </button>
      )}
      {view.earlier === 'none' && (
        <div class="message theirs">
          <div class="bubble">
            <RichText text={greeting} />
          </div>
        </div>
      )}
      <ol class="entries">
        {view.entries.map((entry, i) => (
          <EntryRow
            key={entry.id}
            entry={entry}
            before={view.entries[i - 1]}
            after={view.entries[i + 1]}
            words={words}
            actions={actions}
          />
        ))}
        {view.reply && (
          <li key={view.reply.id} class="message theirs" data-reply>
            <Author sender={{ type: 'assistant', id: null, name: null }} words={words} />
            <div class="bubble">
              {view.reply.text ? <RichText text={view.reply.text} /> : <Dots label={words.isAnswering} />}
              {view.reply.text && <span class="caret" aria-hidden="true" />}
            </div>
            <button type="button" class="quiet" onClick={actions.stopReply}>
              <Icon name="stop" /> {words.stop}
            </button>
          </li>
        )}
        {view.unsent.map((unsent) => (
          <UnsentRow key={unsent.client_id} unsent={unsent} view={view} words={words} actions={actions} />
        ))}
      </ol>
      {view.replyFailed && <p class="event warning">{words.replyFailed}</p>}
      {view.typing && (
        <p class="typing">
          <Dots label={words.isTyping(nameOf(view.typing, words))} />
        </p>
      )}
    </>
  );
}

type RowProps = {
  entry: Entry;
  before: Entry | undefined;
  after: Entry | undefined;
  words: Language;
  actions: MessageActions;
};

function EntryRow({ entry, before, after, words, actions }: RowProps) {
  const newDay = !before || daysAgo(new Date(before.created_at), new Date(entry.created_at)) !== 0;
  const day = newDay && (
    <li key={`day-${entry.id}`} class="day">
      <span>{words.day(entry.created_at)}</span>
    </li>
  );
  if (entry.kind === 'event') {
    const line = describeEvent(entry, words);
    return (
      <>
        {day}
        {line && (
          <li class="event" data-seq={entry.seq}>
            {line}
          </li>
        )}
      </>
    );
  }
  const mine = entry.sender.type === 'visitor';
  const { status } = entry.metadata ?? {};
  const mark = status === 'truncated' ? words.truncated : status === 'cancelled' ? words.stopped : null;
  const follows = !newDay && before !== undefined && continues(before, entry);
  return (
    <>
      {day}
      <li class={`message ${mine ? 'mine' : 'theirs'}${follows ? ' follows' : ''}`} data-seq={entry.seq}>
        {!mine && !follows && <Author sender={entry.sender} words={words} />}
        {mine && <span class="unseen">{words.you}</span>}
        {entry.body && (
          <div class="bubble">
            {mine ? <PlainText text={entry.body} /> : <RichText text={entry.body} owner={entry} />}
          </div>
        )}
        {entry.attachments?.map((file) => (
          <FileCard key={file.id} file={file} address={actions.fileAddress(file)} words={words} />
        ))}
        {mark && <small class="stamp">{mark}</small>}
        {!(after && continues(entry, after)) && (
          <time class="stamp" dateTime={entry.created_at} title={words.exact(entry.created_at)}>
            {words.time(entry.created_at)}
          </time>
        )}
      </li>
    </>
  );
}

function UnsentRow({
  unsent,
  view,
  words,
  actions,
}: {
  unsent: Unsent;
  view: ChatView;
  words: Language;
  actions: MessageActions;
}) {
  const { state } = unsent;
  const connection = view.phase.kind === 'open' || view.phase.kind === 'loading' ? view.phase.connection.kind : null;
  const stuck = connection === 'offline' || connection === 'waiting';
  return (
    <li class="message mine" data-client-id={unsent.client_id}>
      <span class="unseen">{words.you}</span>
      {unsent.body && (
        <div class={`bubble ${state.kind}`}>
          <PlainText text={unsent.body} />
        </div>
      )}
      {unsent.attachments && unsent.attachments.length > 0 && (
        <span class="file">
          <Icon name="file" /> {unsent.attachments.length}
        </span>
      )}
      {state.kind === 'failed' ? (
        <small class="stamp warning">
          {words.failed} {state.detail}{' '}
          <button type="button" class="link" onClick={() => actions.retry(unsent)}>
            {words.tryAgain}
          </button>{' '}
          <button type="button" class="link" onClick={() => actions.discard(unsent)}>
            {words.discard}
          </button>
        </small>
      ) : (
        <small class="stamp">
          {state.kind === 'stored' ? words.sent : stuck ? words.waitingToSend : words.sending}
        </small>
      )}
    </li>
  );
}

function Author({ sender, words }: { sender: Sender; words: Language }) {
  return (
    <span class="author">
      <Icon name={sender.type === 'assistant' ? 'spark' : 'person'} />
      {nameOf(sender, words)}
    </span>
  );
}

function PlainText({ text }: { text: string }) {
  return <p class="plain">{text}</p>;
}

/** Three dots that move where motion is wanted, and words for those who do not see them. */
function Dots({ label }: { label: string }) {
  return (
    <span class="dots">
      <i />
      <i />
      <i />
      <span class="dots-label">{label}</span>
    </span>
  );
}

function FileCard({ file, address, words }: { file: Attachment; address: string; words: Language }) {
  const label = words.openFile(file.name, words.size(file.size));
  const picture = /^image\/(png|jpe?g|gif|webp|avif)$/.test(file.content_type);
  return (
    <a class={picture ? 'picture' : 'file'} href={address} target="_blank" rel="noopener noreferrer" aria-label={label}>
      {picture ? (
        <img src={address} alt={file.name} loading="lazy" />
      ) : (
        <>
          <Icon name="file" />
          <span class="file-name">{file.name}</span>
          <span class="file-size">{words.size(file.size)}</span>
        </>
      )}
    </a>
  );
}

function continues(before: Entry, entry: Entry): boolean {
  return (
    before.kind !== 'event' &&
    before.sender.type === entry.sender.type &&
    before.sender.id === entry.sender.id &&
    Date.parse(entry.created_at) - Date.parse(before.created_at) < together
  );
}

export function nameOf(sender: Sender, words: Language): string {
  switch (sender.type) {
    case 'assistant':
      return sender.name || words.assistant;
    case 'visitor':
      return sender.name || words.you;
    default:
      return sender.name || words.agent;
  }
}

/** The line of an event; null for what is no concern of a visitor. */
export function describeEvent(entry: Entry, words: Language): string | null {
  const data = entry.metadata ?? {};
  const by = (data.by as { name?: string | null } | null | undefined)?.name;
  switch (data.event) {
    case 'handoff':
      if (data.to === 'agent') return words.handedOver(by || words.agent);
      if (data.to === 'ai') return words.backToAssistant;
      return entry.sender.type === 'visitor' ? words.asked : words.passedToPeople;
    case 'assigned': {
      const to = data.to as { id?: string; name?: string | null } | null | undefined;
      const tookIt = to?.id === (data.by as { id?: string } | null | undefined)?.id; // their taking over says it already
      return to && !tookIt ? words.joined(to.name || words.agent) : null;
    }
    case 'status':
      if (data.to === 'resolved') return words.resolved;
      return data.to === 'open' && data.from === 'resolved' ? words.reopened : null;
    case 'rating':
      return words.rated(Number(data.score));
    case 'reply_failed':
      return words.replyFailed;
    case 'no_assistant':
      return words.noAssistant;
    default:
      return null;
  }
}
