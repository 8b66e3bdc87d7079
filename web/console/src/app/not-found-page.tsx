import { Button, Center } from '@mantine/core';
import { IconCompass } from '@tabler/icons-react';
import { type ErrorComponentProps, Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '@/ui/empty-state';
import { ErrorNotice } from '@/ui/error-notice';

export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <Center component="main" h="100%" flex={1}>
      <EmptyState order={1} icon={IconCompass} title={t('notFound.title')}>
        <p>{t('notFound.text')}</p>
        <Button component={Link} to="/">
          {t('notFound.home')}
        </Button>
      </EmptyState>
    </Center>
  );
}

export function FailedPage({ error, reset }: ErrorComponentProps) {
  return (
    <Center component="main" h="100%" flex={1}>
      <ErrorNotice error={error} onRetry={reset} />
    </Center>
  );
}
