// The page's script and style sheet: every page links both, and browsers cache them forever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { buildApp, makeContext } from '../../../../src/region/http/server.ts';
import { cookieName } from '../../../../src/region/page/frame/login.ts';
import { addAdmin } from '../../accounts/administrator.ts';
import { makeRegion } from '../../place.ts';

test('every page links its script and style sheet, which caches may keep forever, and the policy allows no others', async () => {
  const place = await makeRegion();
  const context = makeContext(place.region);
  const app = buildApp(context);
  const admin = await addAdmin(place.store, place.clock, { username: 'admin', email: '', password: 'correct horse' });
  const cookie = `${cookieName(':5240')}=${await context.sessions.open(admin)}`;
  const ask = (url: string, remoteAddress: string, more = {}) =>
    app.inject({ url, remoteAddress, headers: { host: '127.0.0.1:5240', accept: 'text/html', ...more } });
  try {
    const page = await ask('/MAAS/', '127.0.0.1', { cookie });
    assert.equal(page.statusCode, 200);
    const policy = String(page.headers['content-security-policy']);
    for (const rule of ["default-src 'none'", "style-src 'self'", "script-src 'self'"])
      assert.ok(policy.includes(rule));
    assert.doesNotMatch(policy, /unsafe|sha256/);
    assert.doesNotMatch(page.body, /<style|<script>|<script(?! type="module" src=)| style="| on[a-z]+="/);
    const [style = ''] = /\/MAAS\/assets\/page-[0-9a-f]{12}\.css/.exec(page.body) ?? [];
    const [script = ''] = /\/MAAS\/assets\/page-[0-9a-f]{12}\.js/.exec(page.body) ?? [];
    for (const [path, type] of [
      [style, 'text/css; charset=utf-8'],
      [script, 'text/javascript; charset=utf-8'],
    ] as const) {
      const asset = await ask(path, '10.20.0.50');
      assert.equal(asset.statusCode, 200, path);
      assert.equal(asset.headers['content-type'], type);
      assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
      assert.equal(asset.headers['x-content-type-options'], 'nosniff');
    }
    const texts = 'data-deleted="deleted" data-silent="the region does not answer; retrying" hidden>live<';
    assert.ok(page.body.includes(texts), 'the script has no texts of its own');
    assert.ok(new Script((await ask(script, '10.20.0.50')).body), 'plain JavaScript without types and imports');
    assert.match((await ask('/MAAS/login/', '10.20.0.50')).body, new RegExp(style));
    assert.equal((await ask('/MAAS/assets/page-000000000000.js', '10.20.0.50')).statusCode, 404);
  } finally {
    await app.close();
    await place.remove();
  }
});
