import type { Sender } from '@shared/api-types';
import { useTranslation } from 'react-i18next';
import classes from './typing-line.module.css';

export function TypingLine({ senders }: { senders: readonly Sender[] }) {
  const { t, i18n } = useTranslation();
  const names = senders.map((sender) => sender.name || t('common.visitor'));
  return (
    <div className={classes.typing} aria-live="polite">
      {names.length > 0 && (
        <>
          <span className={classes.dots} aria-hidden>
            <i />
            <i />
            <i />
          </span>
          {t('conversation.typing', { count: names.length, names: new Intl.ListFormat(i18n.language).format(names) })}
        </>
      )}
    </div>
  );
}
