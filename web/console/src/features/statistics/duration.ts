const units = [
  { unit: 'day', seconds: 86_400 },
  { unit: 'hour', seconds: 3_600 },
  { unit: 'minute', seconds: 60 },
  { unit: 'second', seconds: 1 },
] as const;

/** A duration in its largest unit, with one decimal where that says more; a dash when there is nothing to measure. */
export function duration(seconds: number | null, locale: string): string {
  if (seconds === null) return '–';
  const { unit, seconds: size } = units.find((one) => seconds >= one.seconds) ?? units[3];
  const value = seconds / size;
  const digits = unit === 'second' || value >= 10 ? 0 : 1;
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: digits,
  }).format(value);
}
