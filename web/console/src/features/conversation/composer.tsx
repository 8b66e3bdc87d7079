import { ActionIcon, Button, FileButton, Group, SegmentedControl, Text, Textarea, Tooltip } from '@mantine/core';
import type { Conversation } from '@shared/api-types';
import { IconPaperclip, IconSend2, IconUserCheck } from '@tabler/icons-react';
import { type Ref, useImperativeHandle, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { useTranslation } from 'react-i18next';
import type { Chat } from '@/server/chat';
import { CannedReplyMenu, useCannedReplies } from './canned-reply-menu';
import classes from './composer.module.css';
import { type DraftKind, loadDraft, saveDraft } from './drafts';
import { UploadList } from './upload-list';
import type { Uploads } from './uploads';
import type { ConversationActions } from './use-conversation-actions';

export type ComposerHandle = { focus: (what: DraftKind | 'snippets') => void };

type Props = {
  ref: Ref<ComposerHandle>;
  conversation: Conversation;
  chat: Chat;
  uploads: Uploads;
  does: ConversationActions;
};

export function Composer({ ref, conversation, chat, uploads, does }: Props) {
  const { t } = useTranslation();
  const isSupport = conversation.kind === 'support';
  const [kind, setKind] = useState<DraftKind>('reply');
  const [texts, setTexts] = useState({
    reply: loadDraft(conversation.id, 'reply'),
    note: loadDraft(conversation.id, 'note'),
  });
  const field = useRef<HTMLTextAreaElement>(null);
  const text = texts[kind];

  const setText = (value: string) => {
    saveDraft(conversation.id, kind, value);
    setTexts((all) => ({ ...all, [kind]: value }));
  };
  const canned = useCannedReplies(isSupport ? text : '', (body) => {
    setText(body);
    field.current?.focus();
  });

  useImperativeHandle(ref, () => ({
    focus(what) {
      // At once: the next key already belongs to the text.
      flushSync(() => {
        setKind(what === 'note' ? 'note' : 'reply');
        if (what === 'snippets' && isSupport && texts.reply === '') setTexts((all) => ({ ...all, reply: '/' }));
      });
      field.current?.focus();
    },
  }));

  // The AI has the floor: who wants to answer takes over first. A note can always be left.
  const mustTakeOver = isSupport && kind === 'reply' && conversation.handler !== 'agent';
  const uploading = uploads.items.some((upload) => upload.state.kind === 'uploading');
  const files = uploads.items.flatMap((upload) => (upload.state.kind === 'done' ? [upload.state.file] : []));
  const live = chat.connection.kind === 'live';
  const canSend = live && !uploading && (text.trim() !== '' || files.length > 0);

  const send = () => {
    if (!canSend) return;
    const images = files.every((file) => file.content_type.startsWith('image/'));
    chat.socket.post({
      body: text.trim(),
      private: kind === 'note' || undefined,
      ...(files.length > 0 && { kind: images ? 'image' : 'file', attachments: files.map((file) => file.id) }),
    });
    setText('');
    uploads.clear();
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.nativeEvent.isComposing || canned.onKey(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'Escape') field.current?.blur();
  };

  return (
    <form
      className={classes.composer}
      data-note={kind === 'note' || undefined}
      data-narrow={!isSupport || undefined}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {isSupport && (
        <SegmentedControl
          size="xs"
          mb={8}
          value={kind}
          onChange={(value) => setKind(value as DraftKind)}
          aria-label={t('conversation.writeWhat')}
          data={[
            { value: 'reply', label: t('conversation.reply') },
            { value: 'note', label: t('conversation.note') },
          ]}
        />
      )}
      {mustTakeOver ? (
        <Group gap="sm" className={classes.takeOver}>
          <Text size="sm" c="dimmed">
            {t(`conversation.${whyNot(conversation)}`)}
          </Text>
          <Button
            size="xs"
            leftSection={<IconUserCheck size={16} />}
            loading={does.handOff.isPending}
            onClick={() =>
              does.handOff.mutate('agent', { onSuccess: () => requestAnimationFrame(() => field.current?.focus()) })
            }
          >
            {t('conversation.takeOver')}
          </Button>
        </Group>
      ) : (
        <div className={classes.box}>
          <CannedReplyMenu canned={canned} />
          <UploadList uploads={uploads} />
          <Textarea
            ref={field}
            variant="unstyled"
            autosize
            minRows={1}
            maxRows={10}
            value={text}
            maxLength={16_000}
            aria-label={kind === 'note' ? t('conversation.writeNote') : t('conversation.writeReply')}
            placeholder={
              kind === 'note'
                ? t('conversation.writeNote')
                : isSupport
                  ? t('conversation.writeReplyHint')
                  : t('conversation.writeReply')
            }
            onChange={(event) => {
              setText(event.currentTarget.value);
              if (kind === 'reply') chat.socket.typing();
            }}
            onKeyDown={onKeyDown}
            onPaste={(event) => {
              const pasted = [...event.clipboardData.files];
              if (pasted.length === 0) return;
              event.preventDefault();
              uploads.add(pasted);
            }}
            {...canned.fieldProps}
          />
          <Group justify="space-between" mt={4} gap="xs" wrap="nowrap">
            <FileButton multiple onChange={(chosen) => uploads.add(chosen)}>
              {(props) => (
                <Tooltip label={t('conversation.attach')}>
                  <ActionIcon {...props} variant="subtle" color="gray" aria-label={t('conversation.attach')}>
                    <IconPaperclip size={18} />
                  </ActionIcon>
                </Tooltip>
              )}
            </FileButton>
            <Text size="xs" c="dimmed" flex={1} truncate role="status">
              {chat.connection.kind === 'catching-up' && t('conversation.locked')}
              {(chat.connection.kind === 'waiting' || chat.connection.kind === 'offline') &&
                t('conversation.noConnection')}
            </Text>
            <Button
              type="submit"
              size="xs"
              disabled={!canSend}
              leftSection={<IconSend2 size={16} />}
              color={kind === 'note' ? 'yellow.9' : undefined}
            >
              {kind === 'note' ? t('conversation.addNote') : t('conversation.send')}
            </Button>
          </Group>
        </div>
      )}
    </form>
  );
}

/** Why one who has not taken over cannot reply just now. */
function whyNot({ status, handler }: Conversation): 'closed' | 'aiAnswers' | 'waitsForPerson' {
  if (status === 'resolved' || status === 'archived') return 'closed';
  return handler === 'ai' ? 'aiAnswers' : 'waitsForPerson';
}
