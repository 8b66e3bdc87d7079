import { useFormatLocale } from '@/ui/times';
import classes from './event-line.module.css';

const day = 86_400_000;

/** "Today", "Yesterday", a weekday within the last week, else the date. */
export function dayName(at: Date, now: Date, locale: string): string {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(at)) / day);
  if (days >= 0 && days < 2) {
    const name = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-days, 'day');
    return name.charAt(0).toLocaleUpperCase(locale) + name.slice(1);
  }
  if (days > 0 && days < 7) return new Intl.DateTimeFormat(locale, { weekday: 'long' }).format(at);
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'long', year }).format(at);
}

export function DaySeparator({ at }: { at: string }) {
  const locale = useFormatLocale();
  return <div className={classes.day}>{dayName(new Date(at), new Date(), locale)}</div>;
}
