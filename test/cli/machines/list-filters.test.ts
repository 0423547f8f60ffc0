// `rackboot machines list` takes the filters of the page, and sends them by the names that the page uses.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandParser } from '../../../src/cli/commands.ts';
import { CONTROL_SOCKET } from '../../../src/http/config.ts';
import { renderPage } from '../../../src/region/page/machines-page.ts';
import { ADMIN, viewOf } from '../../region/page/view.ts';
import { report, withRegion } from '../../region/place.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../../region/racks/rack-place.ts';
import { printedBy } from '../../support/printed.ts';

/** The names of the page's filters, where there are several racks. */
async function pageFilters(): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await withRegion(async ({ region }) => {
    await region.enlist(report([0x525400000001]));
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    await acceptRack(region);
    const page = `${await renderPage(viewOf(region, { viewer: ADMIN }))}`;
    const form = /<form class="filters".*?<\/form>/s.exec(page)?.[0] ?? assert.fail(page);
    names = [...form.matchAll(/ name="([a-z]+)"/g)].map(([, name = '']) => name);
  });
  return names;
}

/** The queries that a command sends to the list of machines. */
async function queriesOf(...words: readonly string[]): Promise<readonly string[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'rackboot-filters-'));
  const config = join(stateDir, 'rackboot.yaml');
  writeFileSync(config, `state_dir: ${stateDir}\n`);
  const queries: string[] = [];
  const server = createServer((request, response) => {
    queries.push(new URL(request.url ?? '', 'http://localhost').search);
    response.setHeader('Content-Type', 'application/json').end('[]');
  });
  server.listen(join(stateDir, CONTROL_SOCKET));
  await once(server, 'listening');
  try {
    const { result } = await printedBy(async () => {
      let code = -1;
      const parser = await commandParser([...words, '--json', '--config', config], (ended) => {
        code = ended;
      });
      await parser.parseAsync();
      return code;
    });
    assert.equal(result, 0);
    return queries;
  } finally {
    server.close();
    rmSync(stateDir, { recursive: true });
  }
}

test('machines list has each filter of the page', async () => {
  const filters = await pageFilters();
  assert.deepEqual(filters.toSorted(), ['owner', 'q', 'rack', 'status']);
  const words = filters.flatMap((name) => [name === 'q' ? '-q' : `--${name}`, `a-${name}`]);
  const [query = ''] = await queriesOf('machines', 'list', ...words);
  const sent = new URLSearchParams(query);
  assert.deepEqual([...sent.keys()].sort(), filters.toSorted());
  for (const name of filters) assert.deepEqual(sent.getAll(name), [`a-${name}`]);
});

test('states, owners and racks can be repeated, and without filters there is no query', async () => {
  assert.deepEqual(await queriesOf('machines', 'list'), ['']);
  const [query = ''] = await queriesOf('machines', 'list', '--status', 'new', '--status', 'ready', '--search', 'a b');
  const sent = new URLSearchParams(query);
  assert.deepEqual([sent.getAll('status'), sent.getAll('q')], [['new', 'ready'], ['a b']]);
});
