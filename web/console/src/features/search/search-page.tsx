import { Badge, Mark, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { SearchHit } from '@shared/api-types';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Fragment, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { queries } from '@/server/queries';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';
import { titleOf } from '@/ui/names';
import { Page } from '@/ui/page';
import { RowsSkeleton } from '@/ui/rows-skeleton';
import { Age } from '@/ui/times';
import classes from './search-page.module.css';
import { splitHighlight } from './split-highlight';

const pageOf = {
  support: '/inbox/$conversationId',
  assistant: '/assistant/$conversationId',
  group: '/groups/$conversationId',
} as const;

export function SearchPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { q = '' } = useSearch({ from: '/shell/search' });
  const [text, setText] = useState(q);
  const [wanted] = useDebouncedValue(text.trim(), 250);
  const hits = useQuery(queries.search(wanted));
  useEffect(
    () => void navigate({ to: '/search', search: { q: wanted || undefined }, replace: true }),
    [wanted, navigate],
  );
  return (
    <Page title={t('search.title')} about={t('search.about')}>
      <TextInput
        autoFocus
        type="search"
        size="md"
        leftSection={<IconSearch size={18} />}
        aria-label={t('search.title')}
        placeholder={t('search.placeholder')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <div aria-live="polite" aria-busy={hits.isFetching}>
        {wanted && hits.isPending && <RowsSkeleton />}
        {hits.error && <ErrorNotice error={hits.error} onRetry={hits.refetch} />}
        {wanted && hits.data?.length === 0 && (
          <EmptyState icon={IconSearch} title={t('search.nothing', { q: wanted })}>
            {t('search.nothingText')}
          </EmptyState>
        )}
        {wanted && hits.data?.map((hit) => <Hit key={hit.message.id} hit={hit} />)}
      </div>
    </Page>
  );
}

function Hit({ hit }: { hit: SearchHit }) {
  const { t } = useTranslation();
  return (
    <Link
      to={pageOf[hit.conversation.kind]}
      params={{ conversationId: hit.conversation.id }}
      search={{}}
      className={classes.hit}
    >
      <span className={classes.line}>
        <b>{titleOf(hit.conversation)}</b>
        <Badge size="xs" variant="light" color="gray">
          {t(`kind.${hit.conversation.kind}`)}
        </Badge>
        <Age at={hit.message.created_at} className={classes.age} />
      </span>
      <Text size="sm" component="span" className={classes.text}>
        {hit.message.sender.name && <span className={classes.sender}>{hit.message.sender.name}: </span>}
        {splitHighlight(hit.highlight).map((part, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one text keep their places
          <Fragment key={index}>{part.hit ? <Mark>{part.text}</Mark> : part.text}</Fragment>
        ))}
      </Text>
    </Link>
  );
}
