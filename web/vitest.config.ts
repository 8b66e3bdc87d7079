import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    environment: 'jsdom',
    include: ['console/**/*.test.{ts,tsx}', 'shared/**/*.test.{ts,tsx}', 'widget/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
