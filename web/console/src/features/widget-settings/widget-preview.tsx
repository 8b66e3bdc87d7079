import { IconMessageCircle, IconSend2 } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { readableOn } from './readable-on';
import classes from './widget-preview.module.css';

/** What a visitor will see, as it is being set. */
export function WidgetPreview({ title, greeting, color }: { title: string; greeting: string; color: string }) {
  const { t } = useTranslation();
  const accent = /^#[0-9a-f]{6}$/i.test(color) ? color : '#4263eb';
  const style = { '--accent': accent, '--on-accent': readableOn(accent) } as React.CSSProperties;
  return (
    <figure className={classes.preview} style={style} aria-label={t('widget.preview')}>
      <div className={classes.sheet}>
        <div className={classes.head}>{title}</div>
        <div className={classes.body}>
          {greeting && <p className={classes.theirs}>{greeting}</p>}
          <p className={classes.own}>{t('widget.sampleQuestion')}</p>
        </div>
        <div className={classes.compose}>
          <span>{t('widget.samplePlaceholder')}</span>
          <IconSend2 size={18} aria-hidden />
        </div>
      </div>
      <div className={classes.button}>
        <IconMessageCircle size={26} aria-hidden />
      </div>
    </figure>
  );
}
