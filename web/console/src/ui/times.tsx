import { useTranslation } from 'react-i18next';
import { exactTime, shortAge } from './time-text';
import { useNow } from './use-now';

/** The language of the texts in the reader's own region, if that speaks it: the clock is theirs. */
export function useFormatLocale(): string {
  const language = useTranslation().i18n.language;
  return navigator.languages.find((regional) => regional.split('-')[0] === language.split('-')[0]) ?? language;
}

/** A relative time, with the exact one on hover. */
export function Age({ at, className }: { at: string; className?: string }) {
  const locale = useFormatLocale();
  const now = useNow(30_000);
  return (
    <time dateTime={at} title={exactTime(at, locale)} className={className}>
      {shortAge(Date.parse(at), now, locale)}
    </time>
  );
}

/** The time of day, with the exact moment on hover. */
export function Clock({ at, className }: { at: string; className?: string }) {
  const locale = useFormatLocale();
  return (
    <time dateTime={at} title={exactTime(at, locale)} className={className}>
      {new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(new Date(at))}
    </time>
  );
}
