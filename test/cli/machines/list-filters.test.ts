// `rackboot machines list` takes the filters of the page, and sends them by the names that the page uses.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { runCommandLine } from '../../../src/cli/command-line.ts';
import { renderPage } from '../../../src/region/page/machines/machines-page.ts';
import { ADMIN, viewOf } from '../../region/page/view.ts';
import { report, withRegion } from '../../region/place.ts';
import { acceptRack, OTHER_UUID, rackInterface } from '../../region/racks/rack-place.ts';
import { answerControl } from '../../support/control-answers.ts';
import { printedBy } from '../../support/printed.ts';

/** The names of the page's filters; a filter in use is always shown. */
async function pageFilters(): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await withRegion(async ({ region }) => {
    await region.enlist(report([0x525400000001]));
    const own = { name: 'rack-1', version: '0.1.0', interfaces: [rackInterface('10.20.0.0/24')], pinned: [] };
    await region.racks.putOwn({ ...own, uuid: OTHER_UUID });
    await acceptRack(region);
    const wanted = ['rack', 'zone', 'pool', 'tags', 'owner', 'arch'].map((name) => [name, ['x']] as const);
    const page = `${await renderPage(viewOf(region, { viewer: ADMIN, query: new Map(wanted) }))}`;
    const form = /<form class="filters".*?<\/form>/s.exec(page)?.[0] ?? assert.fail(page);
    names = [...form.matchAll(/ name="([a-z]+)"/g)].map(([, name = '']) => name).filter((name) => name !== 'sort');
  });
  return names;
}

/** The queries that a command sends to the list of machines. */
async function queriesOf(t: TestContext, ...words: readonly string[]): Promise<readonly string[]> {
  const queries: string[] = [];
  const { config } = await answerControl(t, ({ search }) => {
    queries.push(search);
    return [];
  });
  const { result } = await printedBy(() => runCommandLine([...words, '--json', '--config', config]));
  assert.equal(result, 0);
  return queries;
}

test('machines list has each filter of the page', async (t) => {
  const filters = await pageFilters();
  assert.deepEqual(filters.toSorted(), ['arch', 'owner', 'pool', 'q', 'rack', 'status', 'tags', 'zone']);
  const words = filters.flatMap((name) => [name === 'q' ? '-q' : `--${name}`, `a-${name}`]);
  const [query = ''] = await queriesOf(t, 'machines', 'list', ...words);
  const sent = new URLSearchParams(query);
  assert.deepEqual([...sent.keys()].sort(), filters.toSorted());
  for (const name of filters) assert.deepEqual(sent.getAll(name), [`a-${name}`]);
});

test('states, owners and racks can be repeated, and without filters there is no query', async (t) => {
  assert.deepEqual(await queriesOf(t, 'machines', 'list'), ['']);
  const [query = ''] = await queriesOf(
    t,
    'machines',
    'list',
    '--status',
    'new',
    '--status',
    'ready',
    '--search',
    'a b',
  );
  const sent = new URLSearchParams(query);
  assert.deepEqual([sent.getAll('status'), sent.getAll('q')], [['new', 'ready'], ['a b']]);
});
