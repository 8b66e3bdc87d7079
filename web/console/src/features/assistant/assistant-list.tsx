import { ActionIcon, Tabs, Title, Tooltip } from '@mantine/core';
import { IconMessagePlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { ErrorNotice } from '@/ui/error-notice';
import { LoadMore } from '@/ui/load-more';
import { titleOf } from '@/ui/names';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import classes from '@/ui/side-list.module.css';
import { Age } from '@/ui/times';

/** One's own conversations with the AI; the deleted ones can be brought back. */
export function AssistantList() {
  const { t } = useTranslation();
  const [deleted, setDeleted] = useState(false);
  const list = useInfiniteQuery(queries.conversations({ kind: 'assistant', ...(deleted && { deleted: true }) }));
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <aside className={classes.list} aria-label={t('assistant.title')}>
      <div className={classes.top}>
        <Title order={1} size="h5">
          {t('assistant.title')}
        </Title>
        <Tooltip label={t('assistant.new')}>
          <ActionIcon component={Link} to="/assistant" variant="light" size="lg" aria-label={t('assistant.new')}>
            <IconMessagePlus size={18} />
          </ActionIcon>
        </Tooltip>
      </div>
      <Tabs value={deleted ? 'deleted' : 'current'} onChange={(tab) => setDeleted(tab === 'deleted')} px="xs">
        <Tabs.List>
          <Tabs.Tab value="current">{t('assistant.current')}</Tabs.Tab>
          <Tabs.Tab value="deleted">{t('assistant.deleted')}</Tabs.Tab>
        </Tabs.List>
      </Tabs>
      <div className={classes.scroller}>
        {list.isPending && <RowsSkeleton height={36} />}
        {list.error && !list.data && <ErrorNotice error={list.error} onRetry={list.refetch} />}
        {list.data && items.length === 0 && (
          <p className={classes.empty}>{deleted ? t('assistant.noneDeleted') : t('assistant.none')}</p>
        )}
        {items.map((conversation) => (
          <Link
            key={conversation.id}
            to="/assistant/$conversationId"
            params={{ conversationId: conversation.id }}
            className={classes.row}
          >
            <span className={classes.title}>{titleOf(conversation)}</span>
            <Age at={conversation.last_activity_at} className={classes.age} />
          </Link>
        ))}
        <LoadMore query={list} />
      </div>
    </aside>
  );
}
