// Another language changes what the region shows of an event that a rack reported before.
// @process own

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RackEventParams } from '../../../src/region/records/rack-event-params.ts';
import { EN } from '../../../src/region/words/en.ts';

const given = ({ address, hostname }: RackEventParams['dhcp.ack']): string => `${address} für ${hostname} vergeben`;
const ofReport: typeof EN.shown.ofReport = (sentence, { params: { count } }) =>
  count === undefined ? sentence : `${sentence} (${count} Mal)`;

test('a stored event of a rack is shown in the language of the region: by the API, on the page and within sentences', async () => {
  // The region reads its language once, so it is imported afterwards.
  Reflect.set(EN.events, 'dhcp.ack', given);
  Reflect.set(EN.shown, 'ofReport', ofReport);
  Reflect.set(EN.page.values, 'state', (status: string) => `Zustand ${status}`);
  Reflect.set(EN.page.values, 'eventType', (type: string) => `Art ${type}`);
  const { startRegion } = await import('../live.ts');
  const { renderTimeline } = await import('../../../src/region/page/timeline.ts');
  const { eventText, statusPill } = await import('../../../src/region/page/values.ts');
  const { eventSentence } = await import('../../../src/region/words/event.ts');
  const { region, origin, authorization, close } = await startRegion();
  try {
    const about = { at: 1, kind: 'dhcp.ack', mac: '52:54:00:00:00:01', address: '10.20.0.100', text: 'Leased it' };
    await region.observe([
      { ...about, sequence: 1, params: { hostname: 'web1' } },
      { ...about, sequence: 2, params: { hostname: 'web1', count: 3 } },
      { ...about, sequence: 3 },
    ]);
    const shown = '10.20.0.100 für web1 vergeben';
    const answer = await fetch(`${origin}/MAAS/api/2.0/events/?op=query&level=DEBUG`, { headers: { authorization } });
    const { events } = JSON.parse(await answer.text());
    const [old, many, one] = events;
    assert.equal(old.description, '52:54:00:00:00:01: Leased it', 'a rack that sends only sentences');
    assert.equal(many.description, `52:54:00:00:00:01: ${shown} (3 Mal)`);
    assert.equal(one.description, `52:54:00:00:00:01: ${shown}`);
    assert.deepEqual([one.kind, one.code, old.code], ['dhcp.ack', 'dhcp.ack', undefined]);
    assert.deepEqual(one.params, { hostname: 'web1', mac: '52:54:00:00:00:01', address: '10.20.0.100' });

    assert.equal(one.type, 'DHCP', 'names of the API stay those of MAAS');
    assert.match(String(statusPill('new')), />Zustand new</);
    const [, , stored] = await region.store.listEvents({ limit: 3 });
    assert.ok(stored?.code === 'dhcp.ack');
    assert.match(`${renderTimeline([stored], stored.atMs)}`, />Art NODE_DHCP_EVENT</);
    assert.equal(eventText({ ...stored, stranger: undefined }), shown);
    const overran = { status: 'commissioning', minutes: 20, isRestarted: false, isWritten: false } as const;
    const seen = { code: stored.code, params: stored.params };
    assert.ok(eventSentence({ code: 'work-overran', params: { ...overran, seen } }).endsWith(`last seen: ${shown}`));
  } finally {
    await close();
  }
});
