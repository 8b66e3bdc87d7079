import type { ConnectionState } from '@shared/connection';
import { EventsSocket } from '@shared/socket';
import { useEffect, useState } from 'react';
import { socketAuthentication, socketUrl, useMe } from './client';
import { applyEvent } from './live-events';
import { queryClient } from './queries';

/** Keeps the cache live for as long as someone is signed in; says how the connection stands. */
export function useEvents(): ConnectionState {
  const { id: me, availability } = useMe();
  const [connection, setConnection] = useState<ConnectionState>({ kind: 'idle' });
  const [socket, setSocket] = useState<EventsSocket | null>(null);

  useEffect(() => {
    const events = new EventsSocket({ url: socketUrl('/ws/events'), ...socketAuthentication });
    let wasLive = false;
    const stopListening = events.listen((event) => {
      if (event.type === 'frame') return applyEvent(event.frame, me);
      setConnection(event.state);
      // What has no events of its own (people, settings) may have changed while nobody listened.
      if (event.state.kind === 'live' && wasLive) void queryClient.invalidateQueries({ queryKey: ['directory'] });
      wasLive ||= event.state.kind === 'live';
    });
    events.start();
    setSocket(events);
    return () => {
      stopListening();
      events.stop();
    };
  }, [me]);

  useEffect(() => socket?.setPresence(availability), [socket, availability]);

  return connection;
}
