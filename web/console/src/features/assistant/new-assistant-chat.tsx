import { Button, Group, Stack, Text, Textarea, Title } from '@mantine/core';
import { IconSend2, IconSparkles } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api } from '@/server/api';
import { isAtLeast, useMe } from '@/server/client';
import { writeConversation } from '@/server/live-events';
import { queries } from '@/server/queries';
import { nameOf } from '@/ui/names';
import { type ModelChoice, ModelPicker } from './model-picker';
import classes from './new-assistant-chat.module.css';

/** Until it is renamed, a conversation is called after its first line. */
function titleFrom(body: string): string {
  const line = body.split('\n', 1)[0]?.trim() ?? '';
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}

/** The first message makes the conversation. */
export function NewAssistantChat() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [model, setModel] = useState<ModelChoice>(null);
  const models = useQuery(queries.models);
  const start = useMutation({
    mutationFn: async (body: string) => {
      const conversation = await api.createConversation({ kind: 'assistant', title: titleFrom(body), ...model });
      await api.sendMessage(conversation.id, { body, client_id: crypto.randomUUID?.() ?? String(Math.random()) });
      return conversation;
    },
    onSuccess: (conversation) => {
      writeConversation(conversation, me.id);
      return navigate({ to: '/assistant/$conversationId', params: { conversationId: conversation.id } });
    },
  });
  const send = () => text.trim() && !start.isPending && start.mutate(text.trim());
  return (
    <section className={classes.page} data-start>
      <Stack className={classes.column} gap="lg">
        <Stack align="center" gap={4}>
          <IconSparkles size={36} stroke={1.3} aria-hidden color="var(--mantine-primary-color-filled)" />
          <Title order={2} size="h3" ta="center">
            {t('assistant.greeting', { name: nameOf(me).split(' ')[0] })}
          </Title>
          <Text c="dimmed" size="sm" ta="center">
            {t('assistant.about')}
          </Text>
        </Stack>
        {models.data?.length === 0 && (
          <Text size="sm" c="dimmed" ta="center">
            {t('assistant.noProvider')}{' '}
            {isAtLeast(me, 'admin') && <Link to="/settings/providers">{t('assistant.addProvider')}</Link>}
          </Text>
        )}
        <form
          className={classes.box}
          onSubmit={(event) => {
            event.preventDefault();
            send();
          }}
        >
          <Textarea
            variant="unstyled"
            autosize
            minRows={2}
            maxRows={12}
            autoFocus
            maxLength={16_000}
            aria-label={t('assistant.ask')}
            placeholder={t('assistant.ask')}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
              event.preventDefault();
              send();
            }}
          />
          <Group justify="space-between">
            <ModelPicker value={model} onChange={setModel} />
            <Button
              type="submit"
              size="xs"
              loading={start.isPending}
              disabled={!text.trim()}
              leftSection={<IconSend2 size={16} />}
            >
              {t('conversation.send')}
            </Button>
          </Group>
        </form>
      </Stack>
    </section>
  );
}
