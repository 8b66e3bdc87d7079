import { UnstyledButton } from '@mantine/core';
import type { InboxCounts, InboxView } from '@shared/api-types';
import { useTranslation } from 'react-i18next';
import classes from './inbox-views.module.css';

const views: { view: InboxView; count?: keyof InboxCounts }[] = [
  { view: 'mine', count: 'mine' },
  { view: 'waiting', count: 'waiting' },
  { view: 'ai', count: 'ai' },
  { view: 'all', count: 'all_open' },
  { view: 'closed' },
];

export function InboxViews({
  view,
  counts,
  onView,
}: {
  view: InboxView;
  counts: InboxCounts | undefined;
  onView: (view: InboxView) => void;
}) {
  const { t } = useTranslation();
  return (
    <nav className={classes.views} aria-label={t('inbox.views')}>
      {views.map((item) => (
        <UnstyledButton
          key={item.view}
          className={classes.view}
          aria-current={item.view === view ? 'true' : undefined}
          onClick={() => onView(item.view)}
        >
          <span>{t(`inbox.view.${item.view}`)}</span>
          {item.count && counts && counts[item.count] > 0 && (
            <span className={classes.count}>{counts[item.count]}</span>
          )}
        </UnstyledButton>
      ))}
    </nav>
  );
}
