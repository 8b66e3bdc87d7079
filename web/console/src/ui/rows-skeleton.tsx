import { Skeleton, Stack } from '@mantine/core';
import { Delayed } from './delayed';

export function RowsSkeleton({ rows = 6, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Delayed>
      <Stack gap="xs" p="sm" aria-hidden>
        {Array.from({ length: rows }, (_, row) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: placeholders have no identity
          <Skeleton key={row} height={height} radius="sm" />
        ))}
      </Stack>
    </Delayed>
  );
}
