import type { Overview } from '@shared/api-types';
import { useTranslation } from 'react-i18next';
import { useFormatLocale } from '@/ui/times';
import classes from './day-chart.module.css';

/** Conversations begun on each day, as bars; each says its figure on hover and to a screen reader. */
export function DayChart({ days }: { days: Overview['per_day'] }) {
  const { t } = useTranslation();
  const locale = useFormatLocale();
  const most = Math.max(1, ...days.map((day) => day.conversations));
  const date = (day: string) =>
    new Date(day).toLocaleDateString(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' });
  return (
    <>
      <ul className={classes.chart}>
        {days.map((day) => {
          const text = `${date(day.date)}: ${t('statistics.begun', { count: day.conversations })}`;
          return (
            <li key={day.date} title={text} style={{ blockSize: `${(day.conversations / most) * 100}%` }}>
              <span>{text}</span>
            </li>
          );
        })}
      </ul>
      <div className={classes.ends} aria-hidden>
        <span>{days[0] && date(days[0].date)}</span>
        <span>{days.length > 1 && date(days[days.length - 1]?.date ?? '')}</span>
      </div>
    </>
  );
}
