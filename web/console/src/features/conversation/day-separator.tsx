import { dayName } from '@/ui/time-text';
import { useFormatLocale } from '@/ui/times';
import classes from './event-line.module.css';

export function DaySeparator({ at }: { at: string }) {
  const locale = useFormatLocale();
  return <div className={classes.day}>{dayName(new Date(at), new Date(), locale)}</div>;
}
