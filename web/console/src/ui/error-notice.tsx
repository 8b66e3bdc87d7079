import { Alert, Anchor, Button, Code, Collapse, Group, Text } from '@mantine/core';
import { ApiError } from '@shared/api-client';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { errorText } from './error-text';

/** Says what went wrong and what to do; the request id for a support case is behind a toggle. */
export function ErrorNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} role="alert" m="xs" maw={560}>
      <Text size="sm">{errorText(error)}</Text>
      <Group gap="sm" mt={4}>
        {onRetry && (
          <Button size="compact-sm" variant="outline" color="red.9" onClick={onRetry}>
            {t('common.tryAgain')}
          </Button>
        )}
        <ErrorDetails error={error} />
      </Group>
    </Alert>
  );
}

export function ErrorDetails({ error }: { error: unknown }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  if (!(error instanceof ApiError) || error.status === 0) return null;
  return (
    <div>
      <Anchor
        component="button"
        type="button"
        size="xs"
        c="inherit"
        underline="always"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {t('common.details')}
      </Anchor>
      <Collapse expanded={open}>
        <Code block mt={4} fz="xs">
          {`${error.status} ${error.code}${error.requestId ? `\n${t('common.requestId')}: ${error.requestId}` : ''}`}
        </Code>
      </Collapse>
    </div>
  );
}
