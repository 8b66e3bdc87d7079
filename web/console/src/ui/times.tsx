import { useTranslation } from 'react-i18next';
import { useNow } from './use-now';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** "now", "5 min", "3 hr", then the date: short enough for a list. */
export function shortAge(at: number, now: number, locale: string): string {
  const age = Math.max(0, now - at);
  const unit = (unit: string, value: number) =>
    new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'short' }).format(value);
  if (age < minute) return new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' }).format(0, 'second');
  if (age < hour) return unit('minute', Math.floor(age / minute));
  if (age < day) return unit('hour', Math.floor(age / hour));
  if (age < 7 * day) return unit('day', Math.floor(age / day));
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'short',
    year: sameYear ? undefined : 'numeric',
  }).format(at);
}

export const exactTime = (at: string, locale: string) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(at));

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
