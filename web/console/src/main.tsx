import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import './app/styles';
import { startI18n } from './i18n/i18n';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no #root.');

await startI18n();
createRoot(root).render(<App />);
