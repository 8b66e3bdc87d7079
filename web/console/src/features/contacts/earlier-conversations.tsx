import { Badge, Group, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { LoadMore } from '@/ui/load-more';
import { plainText } from '@/ui/plain-text';
import { Age } from '@/ui/times';
import classes from './earlier-conversations.module.css';

export function EarlierConversations({ contactId, exceptId }: { contactId: string; exceptId?: string }) {
  const { t } = useTranslation();
  const list = useInfiniteQuery(queries.conversations({ contact_id: contactId }));
  const items =
    list.data?.pages.flatMap((page) => page.items).filter((conversation) => conversation.id !== exceptId) ?? [];
  return (
    <section>
      <Title order={3} size="sm" mb={6}>
        {t('contacts.earlier', { count: items.length })}
      </Title>
      {items.length === 0 && !list.isPending && (
        <Text size="sm" c="dimmed">
          {t('contacts.noEarlier')}
        </Text>
      )}
      <Stack gap={2}>
        {items.map((conversation) => (
          <Link
            key={conversation.id}
            to="/inbox/$conversationId"
            params={{ conversationId: conversation.id }}
            search={{}}
            className={classes.link}
          >
            <span className={classes.text}>
              {plainText(conversation.last_message?.body ?? '') || t('inbox.noMessages')}
            </span>
            <Group gap={6} wrap="nowrap">
              <Badge size="xs" variant="light" color="gray">
                {t(`status.${conversation.status}`)}
              </Badge>
              <Age at={conversation.last_activity_at} className={classes.age} />
            </Group>
          </Link>
        ))}
      </Stack>
      <LoadMore query={list} />
    </section>
  );
}
