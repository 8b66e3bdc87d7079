import { type ReactNode, useEffect, useState } from 'react';

/** Shows a placeholder only when waiting takes long enough to be noticed: what comes at once never flickers. */
export function Delayed({ children, after = 150 }: { children: ReactNode; after?: number }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), after);
    return () => clearTimeout(timer);
  }, [after]);
  return shown ? children : null;
}
