import type { ConnectionState } from '@shared/connection';
import { IconCloudOff, IconLoader2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { useOnline } from '@/ui/use-online';
import classes from './connection-bar.module.css';

/** Says that the connection is away; a short interruption goes unmentioned. */
export function ConnectionBar({ state }: { state: ConnectionState }) {
  const { t } = useTranslation();
  const online = useOnline();
  const away =
    state.kind === 'offline' ||
    (state.kind === 'waiting' && state.attempt > 1) ||
    (state.kind === 'connecting' && state.attempt > 1);
  if (online && !away) return null;
  return (
    <div className={classes.bar} role="status">
      {online ? <IconLoader2 size={16} aria-hidden /> : <IconCloudOff size={16} aria-hidden />}
      {online ? t('shell.reconnecting') : t('shell.offline')}
    </div>
  );
}
