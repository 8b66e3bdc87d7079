// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { renderMarkdown } from './render-markdown';

describe('Markdown of an AI', () => {
  it('becomes structure', () => {
    expect(renderMarkdown('**Hi**\n\n- one\n- two')).toContain('<strong>Hi</strong>');
    expect(renderMarkdown('- one\n- two')).toContain('<li>one</li>');
  });

  it.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<a href="javascript:alert(1)">x</a>',
    '[x](javascript:alert(1))',
    '[x](data:text/html,<script>1</script>)',
    '<iframe src="https://example.com"></iframe>',
    '<p style="position:fixed" onclick="alert(1)">x</p>',
    '<form action="https://example.com"><input name=password></form>',
    '![x](https://example.com/track.png)',
  ])('loads and runs nothing: %s', (text) => {
    const shown = document.createElement('div');
    shown.innerHTML = renderMarkdown(text);

    expect(shown.querySelector('script, img, iframe, form, input, [style], [onclick], [onerror]')).toBeNull();
    expect(shown.querySelector('a[href]')).toBeNull();
  });

  it('opens links elsewhere, without a way back', () => {
    const shown = document.createElement('div');
    shown.innerHTML = renderMarkdown('[docs](https://example.com)');

    expect(shown.querySelector('a')?.getAttribute('rel')).toContain('noopener');
  });
});
