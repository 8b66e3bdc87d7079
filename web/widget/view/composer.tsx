/** @jsxImportSource preact */
import type { Attachment } from '@shared/api-types';
import type { Draft } from '@shared/socket';
import { Component, createRef, type RefObject } from 'preact';
import { Refused } from '../api';
import type { Language } from '../words';
import { Icon } from './icons';

type Props = {
  words: Language;
  field: RefObject<HTMLTextAreaElement | null>;
  /** Zero when not known. */
  maxFileBytes: number;
  typing(): void;
  post(draft: Draft): void;
  upload(file: File, signal: AbortSignal): Promise<Attachment>;
};

type Chosen = {
  key: number;
  file: File;
  preview: string | null;
  cancel: AbortController;
  state: { kind: 'uploading' } | { kind: 'ready'; id: string } | { kind: 'failed'; reason: string };
};

type State = { text: string; files: Chosen[]; problem: string | null };

const maxFiles = 5;
const maxLength = 8_000;

/** Enter sends, Shift+Enter begins a line, and an input method keeps its Enter to itself. */
export class Composer extends Component<Props, State> {
  override state: State = { text: '', files: [], problem: null };
  #picker = createRef<HTMLInputElement>();
  #lastKey = 0;

  override componentDidUpdate() {
    const field = this.props.field.current;
    if (!field) return;
    field.style.height = 'auto';
    field.style.height = `${Math.min(field.scrollHeight + 2, 140)}px`;
  }

  override componentWillUnmount() {
    for (const chosen of this.state.files) this.#release(chosen);
  }

  override render({ words }: Props, { text, files, problem }: State) {
    const uploading = files.some((chosen) => chosen.state.kind === 'uploading');
    const empty = text.trim() === '' && !files.some((chosen) => chosen.state.kind === 'ready');
    return (
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          this.#post();
        }}
      >
        {problem && (
          <p class="warning" role="alert">
            {problem}
          </p>
        )}
        {files.length > 0 && (
          <ul class="chosen">
            {files.map((chosen) => (
              <li key={chosen.key} class={chosen.state.kind}>
                {chosen.preview ? <img src={chosen.preview} alt="" /> : <Icon name="file" />}
                <span class="file-name">
                  {chosen.state.kind === 'uploading' ? words.uploading(chosen.file.name) : chosen.file.name}
                </span>
                <button type="button" aria-label={words.remove(chosen.file.name)} onClick={() => this.#remove(chosen)}>
                  <Icon name="remove" />
                </button>
              </li>
            ))}
          </ul>
        )}
        <div class="line">
          <button type="button" class="round" aria-label={words.attach} onClick={() => this.#picker.current?.click()}>
            <Icon name="attach" />
          </button>
          <input
            ref={this.#picker}
            type="file"
            multiple
            hidden
            onChange={(event) => this.#picked(event.currentTarget)}
          />
          <textarea
            ref={this.props.field}
            rows={1}
            value={text}
            maxLength={maxLength}
            placeholder={words.write}
            aria-label={words.write}
            enterkeyhint="send"
            onInput={(event) => {
              this.setState({ text: event.currentTarget.value, problem: null });
              this.props.typing();
            }}
            onKeyDown={(event) => this.#keyDown(event)}
            onPaste={(event) => this.#pasted(event)}
          />
          <button type="submit" class="round accent" aria-label={words.send} disabled={empty || uploading}>
            <Icon name="send" />
          </button>
        </div>
      </form>
    );
  }

  #keyDown(event: KeyboardEvent) {
    // Safari ends the composition before this key arrives, and says 229 for it.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#post();
  }

  #post() {
    const { text, files } = this.state;
    const attachments = files.flatMap((chosen) => (chosen.state.kind === 'ready' ? [chosen.state.id] : []));
    if (files.some((chosen) => chosen.state.kind === 'uploading')) return;
    if (text.trim() === '' && attachments.length === 0) return;
    const pictures = files.every((chosen) => chosen.file.type.startsWith('image/'));
    this.props.post({
      body: text.trim(),
      ...(attachments.length > 0 && { attachments, kind: pictures ? 'image' : 'file' }),
    });
    for (const chosen of files) this.#release(chosen);
    this.setState({ text: '', files: [], problem: null });
    this.props.field.current?.focus();
  }

  #pasted(event: ClipboardEvent) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.#choose(files);
  }

  #picked(picker: HTMLInputElement) {
    this.#choose([...(picker.files ?? [])]);
    picker.value = '';
    this.props.field.current?.focus();
  }

  #choose(files: File[]) {
    const { words, maxFileBytes } = this.props;
    const room = maxFiles - this.state.files.length;
    let problem: string | null = files.length > room ? words.tooMany(maxFiles) : null;
    const chosen = files.slice(0, Math.max(0, room)).flatMap((file): Chosen[] => {
      if (maxFileBytes > 0 && file.size > maxFileBytes) {
        problem = words.tooBig(file.name, words.size(maxFileBytes));
        return [];
      }
      const preview = /^image\/(png|jpe?g|gif|webp)$/.test(file.type) ? URL.createObjectURL(file) : null;
      return [{ key: ++this.#lastKey, file, preview, cancel: new AbortController(), state: { kind: 'uploading' } }];
    });
    this.setState({ files: [...this.state.files, ...chosen], problem });
    for (const one of chosen) void this.#upload(one);
  }

  async #upload(chosen: Chosen) {
    const { words, upload } = this.props;
    try {
      const { id } = await upload(chosen.file, chosen.cancel.signal);
      this.#settle(chosen, { kind: 'ready', id }, null);
    } catch (error) {
      if (chosen.cancel.signal.aborted) return;
      const status = error instanceof Refused ? error.status : 0;
      const reason =
        status === 413
          ? words.tooBig(chosen.file.name, words.size(this.props.maxFileBytes))
          : status === 415
            ? words.typeRefused(chosen.file.name)
            : words.uploadFailed(chosen.file.name);
      this.#settle(chosen, { kind: 'failed', reason }, reason);
    }
  }

  #settle(chosen: Chosen, state: Chosen['state'], problem: string | null) {
    this.setState(({ files }) => ({
      files: files.map((one) => (one.key === chosen.key ? { ...one, state } : one)),
      problem,
    }));
  }

  #remove(chosen: Chosen) {
    this.#release(chosen);
    this.setState(({ files }) => ({ files: files.filter((one) => one.key !== chosen.key), problem: null }));
    this.props.field.current?.focus();
  }

  #release(chosen: Chosen) {
    chosen.cancel.abort();
    if (chosen.preview) URL.revokeObjectURL(chosen.preview);
  }
}
