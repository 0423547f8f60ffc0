// A search over the network ends when its client leaves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { PASSWORD, startRegion } from '../live.ts';

test('a search of the API, and one of the page, hear that their client has left', async () => {
  const live = await startRegion();
  const { origin, authorization, region } = live;
  try {
    const login = {
      ...({ method: 'POST', redirect: 'manual' } as const),
      body: new URLSearchParams({ username: 'admin', password: PASSWORD, to: '/MAAS/' }),
    };
    const [cookie = ''] = (await fetch(`${origin}/MAAS/login/`, login)).headers.getSetCookie();
    const signedIn = { cookie: cookie.split(';', 1)[0] ?? '' };
    for (const [path, accept] of [
      ['/MAAS/api/2.0/events/?op=query', '*/*'],
      ['/MAAS/events/', 'text/html'],
    ] as const) {
      const begun = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<void>();
      let isOver = false;
      const run: typeof region.searches.run = async (_holder, _steps, refused, hasLeft = () => false) => {
        begun.resolve();
        while (!hasLeft() && !isOver) await pause(5);
        if (!isOver) ended.resolve();
        return refused();
      };
      Object.assign(region.searches, { run });
      const leaving = new AbortController();
      const headers = { accept, ...(path === '/MAAS/events/' ? signedIn : { authorization }) };
      const answer = fetch(`${origin}${path}`, { headers, signal: leaving.signal }).catch(() => undefined);
      await begun.promise;
      await pause(50);
      leaving.abort();
      const heard = await Promise.race([ended.promise.then(() => true), pause(3000).then(() => false)]);
      isOver = true;
      assert.ok(heard, path);
      await answer;
    }
  } finally {
    await live.close();
  }
});
