import { ActionIcon, Badge, Title, Tooltip } from '@mantine/core';
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
import { NewGroupModal } from './new-group-modal';

export function GroupList() {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const list = useInfiniteQuery(queries.conversations({ kind: 'group' }));
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <aside className={classes.list} aria-label={t('groups.title')}>
      <div className={classes.top}>
        <Title order={1} size="h5">
          {t('groups.title')}
        </Title>
        <Tooltip label={t('groups.new')}>
          <ActionIcon variant="light" size="lg" aria-label={t('groups.new')} onClick={() => setAdding(true)}>
            <IconMessagePlus size={18} />
          </ActionIcon>
        </Tooltip>
      </div>
      <div className={classes.scroller}>
        {list.isPending && <RowsSkeleton height={36} />}
        {list.error && !list.data && <ErrorNotice error={list.error} onRetry={list.refetch} />}
        {list.data && items.length === 0 && <p className={classes.empty}>{t('groups.none')}</p>}
        {items.map((conversation) => (
          <Link
            key={conversation.id}
            to="/groups/$conversationId"
            params={{ conversationId: conversation.id }}
            className={classes.row}
            data-unread={conversation.unread > 0 || undefined}
          >
            <span className={classes.title}>{titleOf(conversation)}</span>
            {conversation.unread > 0 && (
              <Badge size="sm" circle>
                {conversation.unread > 99 ? '99' : conversation.unread}
              </Badge>
            )}
            <Age at={conversation.last_activity_at} className={classes.age} />
          </Link>
        ))}
        <LoadMore query={list} />
      </div>
      <NewGroupModal opened={adding} onClose={() => setAdding(false)} />
    </aside>
  );
}
