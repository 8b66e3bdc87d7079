import { Button, Loader, Title } from '@mantine/core';
import { IconArrowUp, IconInbox } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { ConversationFilter } from '@/server/api';
import { queries } from '@/server/queries';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { useShortcuts } from '@/ui/shortcuts';
import { ConversationRow } from './conversation-row';
import { InboxFilters } from './inbox-filters';
import classes from './inbox-list.module.css';
import type { InboxSearch } from './inbox-search';
import { InboxViews } from './inbox-views';
import { useHeldOrder } from './use-held-order';

const rowHeight = 68;

type Props = {
  search: InboxSearch;
  onSearch: (search: InboxSearch) => void;
  selectedId: string | null;
};

export function InboxList({ search, onSearch, selectedId }: Props) {
  const { t } = useTranslation();
  const view = search.view ?? 'all';
  const counts = useQuery(queries.counts).data;
  const isFiltered = Boolean(search.status || search.priority || search.tag || search.assignee);
  const filter: ConversationFilter = {
    kind: 'support',
    view,
    status: search.status,
    priority: search.priority,
    tag: search.tag,
    assignee_id: search.assignee,
  };
  const list = useInfiniteQuery(queries.conversations(filter));
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <aside className={classes.inbox} aria-label={t('inbox.title')}>
      <div className={classes.top}>
        <Title order={1} size="h5">
          {t('inbox.title')}
        </Title>
        <InboxFilters search={search} onSearch={onSearch} />
      </div>
      <InboxViews view={view} counts={counts} onView={(next) => onSearch({ ...search, view: next })} />
      {list.isPending && <RowsSkeleton height={52} />}
      {list.error && !list.data && <ErrorNotice error={list.error} onRetry={list.refetch} />}
      {list.data && items.length === 0 && <NothingHere view={view} isFiltered={isFiltered} />}
      {items.length > 0 && (
        <Rows
          key={JSON.stringify(filter)}
          ids={items.map((conversation) => conversation.id)}
          selectedId={selectedId}
          search={search}
          hasMore={list.hasNextPage}
          loadMore={list.fetchNextPage}
        />
      )}
    </aside>
  );
}

function NothingHere({ view, isFiltered }: { view: string; isFiltered: boolean }) {
  const { t } = useTranslation();
  const key = isFiltered ? 'filtered' : (view as 'mine');
  return (
    <EmptyState icon={IconInbox} title={t(`inbox.empty.${key}.title`)}>
      {t(`inbox.empty.${key}.text`)}
    </EmptyState>
  );
}

type RowsProps = {
  ids: string[];
  selectedId: string | null;
  search: InboxSearch;
  hasMore: boolean;
  loadMore: () => unknown;
};

/** The rows that are in sight. Under the pointer, or scrolled away from the top, they keep their places. */
function Rows({ ids, selectedId, search, hasMore, loadMore }: RowsProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const { order, waiting, release } = useHeldOrder(ids, hovered || scrolled, 'rows');
  const virtual = useVirtualizer({
    count: order.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => order[index] ?? index,
    overscan: 8,
  });
  const rows = virtual.getVirtualItems();
  const lastShown = rows.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && lastShown >= order.length - 10) loadMore();
  }, [hasMore, lastShown, order.length, loadMore]);

  const move = (step: 1 | -1) => {
    const focused = document.activeElement?.closest<HTMLElement>('[data-conversation]')?.dataset.conversation;
    const from = order.indexOf(focused ?? selectedId ?? '');
    const to = Math.max(0, Math.min(order.length - 1, from + step));
    virtual.scrollToIndex(to);
    const row = () => scroller.current?.querySelector<HTMLElement>(`[data-conversation="${order[to]}"]`);
    // At once where it can be: an Enter may follow in the same moment.
    const shown = row();
    if (shown) shown.focus();
    else requestAnimationFrame(() => row()?.focus());
  };
  useShortcuts({ j: () => move(1), k: () => move(-1) });

  return (
    <div className={classes.frame}>
      {waiting > 0 && (
        <Button
          className={classes.pill}
          size="compact-sm"
          radius="xl"
          leftSection={<IconArrowUp size={14} />}
          onClick={() => {
            release();
            scroller.current?.scrollTo({ top: 0 });
          }}
        >
          {t('inbox.new', { count: waiting })}
        </Button>
      )}
      <div
        className={classes.scroller}
        ref={scroller}
        onPointerEnter={(event) => setHovered(event.pointerType === 'mouse')}
        onPointerLeave={() => setHovered(false)}
        onScroll={(event) => setScrolled(event.currentTarget.scrollTop > 4)}
      >
        <ul className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          {rows.map((row) => {
            const id = order[row.index];
            return id ? (
              <li
                key={row.key}
                className={classes.item}
                style={{ height: row.size, transform: `translateY(${row.start}px)` }}
              >
                <ConversationRow id={id} search={search} isSelected={id === selectedId} isGone={!ids.includes(id)} />
              </li>
            ) : null;
          })}
        </ul>
        {hasMore && <Loader size="xs" m="sm" />}
      </div>
    </div>
  );
}
