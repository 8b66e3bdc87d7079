import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    // A file that needs a DOM says so in its first line; setting one up costs more than most tests.
    environment: 'node',
    include: ['console/**/*.test.{ts,tsx}', 'shared/**/*.test.{ts,tsx}', 'widget/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
