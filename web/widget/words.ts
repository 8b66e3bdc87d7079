import type { Locale } from './host';
import { en, type Words } from './messages/en';
import { zhCn } from './messages/zh-cn';

/** The words of a language, and how it writes times and sizes. */
export type Language = Words & {
  time(at: string): string;
  exact(at: string): string;
  day(at: string): string;
  size(bytes: number): string;
};

export function language(locale: Locale): Language {
  const words = locale === 'zh-CN' ? zhCn : en;
  // The words are ours, the way of writing a time is the visitor's region's.
  const region = navigator.language.startsWith(locale.slice(0, 2)) ? navigator.language : locale;
  const time = new Intl.DateTimeFormat(region, { hour: '2-digit', minute: '2-digit' });
  const exact = new Intl.DateTimeFormat(region, { dateStyle: 'medium', timeStyle: 'medium' });
  const day = new Intl.DateTimeFormat(region, { weekday: 'long', day: 'numeric', month: 'long' });
  const number = new Intl.NumberFormat(region, { maximumFractionDigits: 1 });
  return {
    ...words,
    time: (at) => time.format(new Date(at)),
    exact: (at) => exact.format(new Date(at)),
    day(at) {
      const days = daysAgo(new Date(at), new Date());
      return days === 0 ? words.today : days === 1 ? words.yesterday : day.format(new Date(at));
    },
    size: (bytes) =>
      bytes < 1_000_000
        ? `${number.format(Math.max(1, Math.round(bytes / 1000)))} kB`
        : `${number.format(bytes / 1_000_000)} MB`,
  };
}

/** Calendar days, as the clock on the wall counts them. */
export function daysAgo(then: Date, now: Date): number {
  const midnight = (date: Date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(then)) / 86_400_000);
}
