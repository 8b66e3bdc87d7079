/** @jsxImportSource preact */
import type { Attachment, WidgetConfig } from '@shared/api-types';
import type { Draft } from '@shared/socket';
import { Component, createRef } from 'preact';
import type { ChatView } from '../chat';
import type { Language } from '../words';
import { Composer } from './composer';
import { Icon } from './icons';
import { type MessageActions, MessageList } from './message-list';
import { Rating } from './rating';

type Props = {
  view: ChatView;
  words: Language;
  config: WidgetConfig;
  /** Covers the page, so the keyboard stays inside. */
  full: boolean;
  /** What a screen reader is told now. */
  announcement: string;
  actions: MessageActions & {
    close(): void;
    post(draft: Draft): void;
    typing(): void;
    upload(file: File, signal: AbortSignal): Promise<Attachment>;
    askForPerson(): Promise<void>;
    rate(score: number, comment: string): Promise<void>;
    retryNow(): void;
    startAnew(): void;
  };
};

type State = { asking: 'no' | 'yes' | 'failed'; below: number };

/** Closer to the end than this, the list follows what comes. */
const near = 80;

export class Sheet extends Component<Props, State> {
  override state: State = { asking: 'no', below: 0 };
  #sheet = createRef<HTMLElement>();
  #scroller = createRef<HTMLDivElement>();
  #field = createRef<HTMLTextAreaElement>();
  #anew = createRef<HTMLButtonElement>();
  #content = createRef<HTMLDivElement>();
  #following = true;
  /** A picture has come, a form has opened, the composer has grown: the end stays in sight. */
  #resized = new ResizeObserver(() => this.#following && this.#toEnd());

  /** On a phone the heading, so that the keyboard does not cover what there is to read. */
  #focus() {
    const field = this.props.full ? null : this.#field.current;
    (field ?? this.#sheet.current)?.focus();
  }

  override componentDidMount() {
    this.#toEnd();
    this.#focus();
    for (const part of [this.#scroller.current, this.#content.current]) if (part) this.#resized.observe(part);
  }

  override componentWillUnmount() {
    this.#resized.disconnect();
  }

  override getSnapshotBeforeUpdate(before: Props) {
    const scroller = this.#scroller.current;
    const [was, is] = [before.view.entries[0]?.seq, this.props.view.entries[0]?.seq];
    const grownAbove = was !== undefined && is !== undefined && is < was;
    return grownAbove && scroller ? scroller.scrollHeight - scroller.scrollTop : null;
  }

  override componentDidUpdate(before: Props, _: State, fromEnd: number | null) {
    const scroller = this.#scroller.current;
    const { view } = this.props;
    // The composer has gone, and with it perhaps the focus.
    if (view.phase.kind === 'over' && before.view.phase.kind !== 'over') this.#anew.current?.focus();
    if (before.view.phase.kind === 'over' && view.phase.kind !== 'over') this.#focus();
    if (!scroller) return;
    if (fromEnd !== null) scroller.scrollTop = scroller.scrollHeight - fromEnd;
    else if (this.#following || view.unsent.length > before.view.unsent.length) this.#toEnd();
    else {
      const last = before.view.entries.at(-1)?.seq ?? Number.POSITIVE_INFINITY;
      const fresh = view.entries.filter((entry) => entry.seq > last && entry.kind !== 'event').length;
      if (fresh > 0) this.setState(({ below }) => ({ below: below + fresh }));
    }
    if (this.state.asking === 'yes' && view.conversation && view.conversation.handler !== 'ai')
      this.setState({ asking: 'no' });
  }

  override render({ view, words, config, full, announcement, actions }: Props, { asking, below }: State) {
    const { phase, conversation } = view;
    const title = config.title || words.title;
    const over = phase.kind === 'over';
    const canAsk =
      !over && conversation?.status !== 'resolved' && (conversation === null || conversation.handler === 'ai');
    return (
      <section
        ref={this.#sheet}
        class={full ? 'sheet full' : 'sheet'}
        role="dialog"
        aria-modal={full}
        aria-labelledby="title"
        tabIndex={-1}
        onKeyDown={(event) => this.#keyDown(event)}
      >
        <header>
          <div class="heading">
            <h2 id="title">{title}</h2>
            <p>{subtitle(view, config, words)}</p>
          </div>
          <button type="button" class="round" aria-label={words.close} onClick={actions.close}>
            <Icon name="close" />
          </button>
        </header>
        <div role="status">
          <Notice view={view} words={words} retry={actions.retryNow} />
        </div>
        <div
          ref={this.#scroller}
          class="scroller"
          role="log"
          aria-live="off"
          aria-label={words.messages}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keyboard must get in
          tabIndex={0}
          onScroll={() => this.#scrolled()}
        >
          <div ref={this.#content}>
            {phase.kind === 'loading' && view.entries.length === 0 ? (
              <p class="loading">{words.loading}</p>
            ) : (
              <MessageList view={view} words={words} greeting={config.greeting || words.greeting} actions={actions} />
            )}
            <div role="status">
              {conversation?.handler === 'queue' && !over && (
                <div class="card queue">
                  <strong>{words.waiting}</strong>
                  <p>{position(conversation.queue_position, words)}</p>
                  <p>{words.writeMeanwhile}</p>
                </div>
              )}
            </div>
            {conversation?.status === 'resolved' && !conversation.rating && !over && (
              <Rating key={conversation.id} words={words} rate={actions.rate} />
            )}
          </div>
        </div>
        {below > 0 && (
          <button type="button" class="below" onClick={() => this.#toEnd()}>
            <Icon name="down" /> {words.newMessages(below)}
          </button>
        )}
        {over ? (
          <footer class="over">
            <p>{words.over}</p>
            <button ref={this.#anew} type="button" class="solid" onClick={actions.startAnew}>
              {words.startAnew}
            </button>
          </footer>
        ) : (
          <footer>
            {asking === 'failed' && (
              <p class="warning" role="alert">
                {words.personFailed}
              </p>
            )}
            {canAsk && (
              <button type="button" class="person" disabled={asking === 'yes'} onClick={() => this.#ask()}>
                <Icon name="person" /> {asking === 'yes' ? words.askingForPerson : words.person}
              </button>
            )}
            <Composer
              field={this.#field}
              words={words}
              maxFileBytes={config.max_file_bytes}
              post={actions.post}
              typing={actions.typing}
              upload={actions.upload}
            />
          </footer>
        )}
        <div class="unseen" role="status" aria-live="polite">
          {announcement}
        </div>
      </section>
    );
  }

  #ask() {
    this.setState({ asking: 'yes' });
    this.props.actions.askForPerson().then(
      () => this.#field.current?.focus(),
      () => this.setState({ asking: 'failed' }),
    );
  }

  #keyDown(event: KeyboardEvent) {
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      this.props.actions.close();
    } else if (event.key === 'Tab' && this.props.full) this.#keepInside(event);
  }

  /** In full screen the page behind is out of sight: Tab goes round within the sheet. */
  #keepInside(event: KeyboardEvent) {
    const sheet = this.#sheet.current;
    if (!sheet) return;
    const stops = [...sheet.querySelectorAll<HTMLElement>('a[href],button,input,textarea,[tabindex="0"]')].filter(
      (stop) => !stop.hasAttribute('disabled') && stop.offsetParent !== null,
    );
    const [first, last] = [stops[0], stops.at(-1)];
    const at = (sheet.getRootNode() as ShadowRoot).activeElement;
    const leaving = event.shiftKey ? at === first || at === sheet : at === last;
    if (!leaving) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }

  #scrolled() {
    const scroller = this.#scroller.current;
    if (!scroller) return;
    this.#following = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < near;
    if (this.#following && this.state.below > 0) this.setState({ below: 0 });
  }

  #toEnd() {
    const scroller = this.#scroller.current;
    if (!scroller) return;
    scroller.scrollTop = scroller.scrollHeight;
    this.#following = true;
    if (this.state.below > 0) this.setState({ below: 0 });
  }
}

function subtitle(view: ChatView, config: WidgetConfig, words: Language): string {
  const { conversation } = view;
  if (conversation?.handler === 'agent') return words.talkingTo(conversation.assignee?.name || words.agent);
  if (conversation?.handler === 'queue') return words.waiting;
  return config.assistant ? words.answeredByAssistant : words.online;
}

function position(place: number | null, words: Language): string {
  if (place === null) return '';
  return place <= 1 ? words.nextInLine : words.ahead(place - 1);
}

/** The state of the line, when it is not as it should be. */
function Notice({ view, words, retry }: { view: ChatView; words: Language; retry(): void }) {
  const { phase } = view;
  if (phase.kind === 'failed') {
    const text = phase.code === 'origin_not_allowed' ? words.notAllowed : words.unavailable;
    return (
      <p class="notice">
        {text}{' '}
        <button type="button" class="link" onClick={retry}>
          {words.tryAgain}
        </button>
      </p>
    );
  }
  if (phase.kind === 'starting') return view.unsent.length > 0 ? null : <p class="notice">{words.connecting}</p>;
  if (phase.kind !== 'open' && phase.kind !== 'loading') return null;
  switch (phase.connection.kind) {
    case 'offline':
      return <p class="notice">{words.offline}</p>;
    case 'waiting':
      return (
        <p class="notice">
          {words.reconnecting}{' '}
          <button type="button" class="link" onClick={retry}>
            {words.tryAgain}
          </button>
        </p>
      );
    default:
      return null;
  }
}
