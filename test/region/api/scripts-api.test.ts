// Scripts and their results over the API, as MAAS's clients see them; and a tested machine.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertStatus } from '../../support/answered.ts';
import { reasonOf } from '../../support/sentences.ts';
import { type Ask, type Fields, type Headers, withAskedApi } from '../asked-api.ts';
import { enlist, type RegionPlace, report, SECRET } from '../place.ts';

const SCRIPT = '#!/bin/sh\necho grüße\n';
const HEADER = `#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: fan
# title: Fans
# script_type: testing
# timeout: 00:01:30
# --- End MAAS 1.0 script metadata ---
`;

const withApi = (work: (ask: Ask, place: RegionPlace, systemId: string) => Promise<void>) =>
  withAskedApi(async ({ ask, place }) => {
    const { systemId } = await enlist(place.region, report([0x525400000001]));
    await work(ask, place, systemId);
  });

test('a script is added, listed, read, changed, fetched and removed; each refusal names the field', () =>
  withApi(async (ask) => {
    const added = await ask('POST', '2.0/scripts/', {
      name: 'hello',
      script: SCRIPT,
      type: '0',
      timeout: '90',
      position: '7',
    });
    assert.deepEqual(
      [added.status, added.json.name, added.json.type, added.json.type_name, added.json.timeout, added.json.position],
      [200, 'hello', 0, 'Commissioning script', '0:01:30', 7],
    );
    const own = await ask('POST', '2.0/scripts/', { script: HEADER });
    assert.deepEqual([own.json.name, own.json.type, own.json.title, own.json.timeout_seconds], ['fan', 2, 'Fans', 90]);
    const names = async (query: string): Promise<string> =>
      (await ask('GET', `2.0/scripts/${query}`)).json.map(({ name }: { name: string }) => name).join(' ');
    assert.deepEqual(
      [await names(''), await names('?type=testing'), await names('?filters=hello,none')],
      ['hello fan', 'fan', 'hello'],
    );
    const [whole] = (await ask('GET', '2.0/scripts/?include_script=true')).json;
    assert.equal(Buffer.from(whole.history[0].data, 'base64').toString(), SCRIPT);
    assert.equal((await ask('GET', '2.0/scripts/hello/?op=download')).text, SCRIPT);
    assert.equal((await ask('GET', `2.0/scripts/${added.json.id}/`)).json.name, 'hello');
    const changed = await ask('PUT', '2.0/scripts/hello/', { title: 'Hello', timeout: '00:10:00' });
    assert.deepEqual([changed.json.title, changed.json.timeout_seconds, changed.json.position], ['Hello', 600, 7]);
    for (const [fields, field] of [
      [{ name: 'hello', script: SCRIPT }, 'name'],
      [{ name: 'x' }, 'script'],
      [{ name: 'x', script: 'no interpreter' }, 'script'],
      [{ name: '../x', script: SCRIPT }, 'name'],
      [{ name: 'x', script: SCRIPT, type: 'installation' }, 'type'],
      [{ name: 'x', script: SCRIPT, timeout: 'soon' }, 'timeout'],
      [{ name: 'x', script: SCRIPT, position: '-1' }, 'position'],
      [{ name: 'x', script: SCRIPT, packages: '{"apt": ["fio"]}' }, 'packages'],
      [{ name: 'x', script: SCRIPT, may_reboot: 'true' }, 'may_reboot'],
    ] as const) {
      const refused = await ask('POST', '2.0/scripts/', fields);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], JSON.stringify(fields));
    }
    await assertStatus(ask('PUT', '2.0/scripts/hello/', { name: 'fan' }), 400);
    await assertStatus(ask('DELETE', '2.0/scripts/hello/'), 204);
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      await assertStatus(ask(method, '2.0/scripts/hello/'), 404);
    }
    await assertStatus(ask('POST', '2.0/scripts/', { script: SCRIPT, name: 'x' }, {}), 401);
  }));

test('a script has tags: of its text or of a person, by which lists find it, and which are added and removed', () =>
  withApi(async (ask) => {
    const own = HEADER.replace('# title', '# tags:\n#   - hot\n#   - slow\n# hardware_type: cpu\n# title');
    assert.deepEqual((await ask('POST', '2.0/scripts/', { script: own })).json.tags, ['hot', 'slow']);
    const sent = { name: 'hello', script: SCRIPT, tags: 'hot, cold,hot' };
    assert.deepEqual((await ask('POST', '2.0/scripts/', sent)).json.tags, ['hot', 'cold']);
    const names = async (query: string): Promise<string> =>
      (await ask('GET', `2.0/scripts/?${query}`)).json.map(({ name }: { name: string }) => name).join(' ');
    assert.deepEqual(
      [await names('filters=hot'), await names('filters=slow,hello'), await names('filters=hot&type=testing')],
      ['fan hello', 'fan hello', 'fan'],
    );
    assert.deepEqual([await names('hardware_type=cpu'), await names('hardware_type=0')], ['fan', 'hello']);
    const tag = async (op: string, word: string) => await ask('POST', `2.0/scripts/hello/?op=${op}`, { tag: word });
    assert.deepEqual((await tag('add_tag', 'dry.1-a_b')).json.tags, ['hot', 'cold', 'dry.1-a_b']);
    assert.deepEqual((await tag('remove_tag', 'hot')).json.tags, ['cold', 'dry.1-a_b']);
    for (const word of ['', 'a b', 'a,b', 'none', 'x'.repeat(65), 'é']) {
      const refused = await tag('add_tag', word);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['tag']], word);
    }
    await assertStatus(ask('POST', '2.0/scripts/none-such/?op=add_tag', { tag: 'x' }), 404);
    await assertStatus(ask('POST', '2.0/scripts/hello/?op=add_tag', { tag: 'x' }, {}), 401);
    const put = async (fields: Fields) => (await ask('PUT', '2.0/scripts/hello/', fields)).json;
    assert.deepEqual((await put({ title: 'Hello' })).tags, ['cold', 'dry.1-a_b'], 'they stay');
    // The values of a new text count, unless a person gives others.
    const text = HEADER.replace('# name: fan', '# tags: [wet]\n# destructive: true').replace(
      'testing',
      'commissioning',
    );
    const changed = await put({ script: text });
    assert.deepEqual(
      [changed.name, changed.tags, changed.destructive, changed.title, changed.timeout_seconds],
      ['hello', ['wet'], true, 'Fans', 90],
    );
    assert.equal((await put({ destructive: 'false', timeout: '5' })).destructive, false);
    const kept = await put({ title: 'Again' });
    assert.deepEqual([kept.destructive, kept.timeout_seconds], [false, 5], 'the text was there already');
    assert.deepEqual((await put({ script: text, tags: '' })).tags, []);
    const many = Array.from({ length: 65 }, (_, index) => `t${index}`).join(',');
    assert.deepEqual(Object.keys(await put({ tags: many })), ['tags']);
    await put({ tags: many.replace(',t64', '') });
    assert.match((await tag('add_tag', 'more')).text, /at most 64 tags/);
  }));

test('a commissioning and a test choose scripts by name or tag; one that overwrites data or is noauto runs only so', () =>
  withApi(async (ask, place, id) => {
    const add = async (name: string, more: Fields) =>
      assert.equal((await ask('POST', '2.0/scripts/', { name, script: SCRIPT, ...more })).status, 200);
    await add('c1', { tags: 'quick' });
    await add('c2', { tags: 'noauto,deep' });
    await add('c3', { tags: 'deep' });
    await add('t1', { type: 'testing', tags: 'quick' });
    await add('t2', { type: 'testing', tags: 'deep', destructive: 'true' });
    await place.store.changeMachine<never>(id, 1, () => ({ kind: 'change', fields: { status: 'ready' }, events: [] }));
    /** The scripts of people that a run has. */
    const runOf = async (op: string, fields: Fields) => {
      await assertStatus(ask('POST', `2.0/machines/${id}/?op=${op}`, fields), 200);
      const headers = {
        'x-forwarded-for': '10.20.0.60',
        'x-rackboot-rack': SECRET,
        'x-rackboot-token': (await place.store.findMachine(id))?.bootToken ?? '',
        'x-rackboot-boot': '52:54:00:00:00:01',
      };
      const lines = (await ask('GET', '/MAAS/rackboot/1/scripts', undefined, headers)).text.trim().split('\n');
      await ask('POST', `2.0/machines/${id}/?op=abort`, {});
      await place.store.changeMachine<never>(id, 1, () => ({
        kind: 'change',
        fields: { status: 'ready' },
        events: [],
      }));
      const names = lines.map((line) => line.split(' '));
      return names.flatMap(([, kind, , name]) => (kind === 'builtin' ? [] : (name ?? []))).join(' ');
    };
    assert.equal(await runOf('commission', {}), 'c1 c3');
    assert.equal(await runOf('commission', { testing_scripts: 'deep' }), 'c1 c3 t2');
    assert.equal(await runOf('commission', { commissioning_scripts: 'deep', testing_scripts: 'quick' }), 'c2 c3 t1');
    assert.equal(await runOf('commission', { commissioning_scripts: 'none' }), '');
    assert.equal(await runOf('test', {}), 't1');
    assert.equal(await runOf('test', { testing_scripts: 't2,quick' }), 't1 t2');
    const refused = await ask('POST', `2.0/machines/${id}/?op=test`, { testing_scripts: 'quick,quik' });
    assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['testing_scripts']]);
    assert.match(refused.text, /name or tag quik; the scripts are: t1, t2; their tags: quick, deep/);
    const other = await ask('POST', `2.0/machines/${id}/?op=test`, { testing_scripts: 'noauto' });
    assert.equal(other.status, 400, 'only scripts of the other kind have it');
  }));

test('1.0: commissioning scripts by their old names', () =>
  withApi(async (ask) => {
    await assertStatus(ask('POST', '1.0/commissioning-scripts/', { name: 'hello', content: SCRIPT }), 200);
    await ask('POST', '2.0/scripts/', { script: HEADER });
    assert.deepEqual((await ask('GET', '1.0/commissioning-scripts/')).json, ['hello']);
    assert.equal((await ask('GET', '1.0/commissioning-scripts/hello/')).text, SCRIPT);
    await assertStatus(ask('GET', '1.0/commissioning-scripts/fan/'), 404);
    await ask('PUT', '1.0/commissioning-scripts/hello/', { content: '#!/bin/sh\n' });
    assert.equal((await ask('GET', '1.0/commissioning-scripts/hello/')).text, '#!/bin/sh\n');
    await assertStatus(ask('DELETE', '1.0/commissioning-scripts/hello/'), 204);
  }));

test('a machine is commissioned and tested with the chosen scripts, and the results are readable as they arrive', () =>
  withApi(async (ask, place, id) => {
    for (const name of ['c1', 'c2']) await ask('POST', '2.0/scripts/', { name, script: SCRIPT });
    await ask('POST', '2.0/scripts/', { script: HEADER });
    const agent = async (): Promise<Headers> => ({
      'x-forwarded-for': '10.20.0.60',
      'x-rackboot-rack': SECRET,
      'x-rackboot-token': (await place.store.findMachine(id))?.bootToken ?? '',
      'x-rackboot-boot': '52:54:00:00:00:01',
    });
    const tell = async (fields: Fields) =>
      ask('POST', '/MAAS/rackboot/1/signal', { status: 'WORKING', stage: 'testing', ...fields }, await agent());
    for (const [op, fields] of [
      ['commission', { commissioning_scripts: 'c9' }],
      ['commission', { testing_scripts: 'c1' }],
    ] as const) {
      const refused = await ask('POST', `2.0/machines/${id}/?op=${op}`, fields);
      assert.deepEqual([refused.status, Object.values(refused.json).flat().length], [400, 1]);
    }
    await assertStatus(ask('GET', `2.0/nodes/${id}/results/current-commissioning/`), 404);
    const runs = async (): Promise<unknown> => {
      const { json: machine } = await ask('GET', `2.0/machines/${id}/`);
      assert.deepEqual((await ask('GET', '2.0/machines/')).json, [machine], 'the list shows the same');
      assert.equal(machine.current_installation_result_id, null);
      return [
        machine.commissioning_status,
        machine.commissioning_status_name,
        machine.current_commissioning_result_id,
        machine.testing_status,
        machine.testing_status_name,
        machine.current_testing_result_id,
      ];
    };
    const never = [-1, 'Unknown', null] as const;
    assert.deepEqual(await runs(), [...never, ...never]);
    await ask('POST', `2.0/machines/${id}/?op=commission`, { commissioning_scripts: 'c2', testing_scripts: 'fan' });
    const lines = (await ask('GET', '/MAAS/rackboot/1/scripts', undefined, await agent())).text.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => line.split(' ').slice(1).join(' ')),
      [
        'builtin 600 inventory',
        'builtin 900 disks',
        'builtin 600 memory',
        'builtin 60 link',
        'builtin 60 clock',
        'commissioning 600 c2',
        'testing 90 fan',
      ],
    );
    const ids = lines.map((line) => line.split(' ')[0] ?? '');
    assert.equal((await ask('GET', `/MAAS/rackboot/1/scripts/${ids[5]}`, undefined, await agent())).text, SCRIPT);
    for (const wrong of [ids[0], '0', '999999', 'x']) {
      await assertStatus(ask('GET', `/MAAS/rackboot/1/scripts/${wrong}`, undefined, await agent()), 404);
    }
    await assertStatus(ask('GET', `/MAAS/rackboot/1/scripts/${ids[5]}`, undefined, {}), 403);
    const base64 = (text: string) => Buffer.from(text).toString('base64url');
    const running = { script: 'c2', script_id: ids[5], offset: '0', output_base64: base64('grü') };
    assert.equal((await tell(running)).text, 'OK');
    const current = `2.0/nodes/${id}/results/current-commissioning/`;
    const { id: first } = (await ask('GET', current)).json;
    assert.deepEqual(await runs(), [1, 'Running', first, ...never]);
    const live = (await ask('GET', `${current}?include_output=true&filters=c2`)).json;
    assert.deepEqual([live.status_name, live.results.length, live.results[0].status_name], ['Running', 1, 'Running']);
    assert.equal(Buffer.from(live.results[0].output, 'base64').toString(), 'grü');
    for (const bad of [
      { script_id: 'x' },
      { script_id: ids[5], ended: 'gone' },
      { script_id: ids[5], offset: '-1' },
      { ...running, offset: String(2 ** 53 - 1) },
    ]) {
      await assertStatus(tell(bad), 400);
    }
    await tell({
      script: 'c2',
      script_id: ids[5],
      ended: 'exited',
      exit_status: '0',
      offset: '4',
      output_base64: base64('ße\n'),
    });
    await tell({
      script: 'fan',
      script_id: ids[6],
      ended: 'exited',
      exit_status: '4',
      offset: '0',
      output_base64: base64('it stands still\n'),
    });
    assert.equal((await ask('GET', `${current}?op=download&filters=c2`)).text, 'grüße\n');
    assert.match(
      (await ask('GET', `${current}?op=download`)).text,
      /==== c2 ====\ngrüße\n\n==== fan ====\nit stands still\n$/,
    );
    // It reports success; its reports about scripts say otherwise.
    await ask('POST', '/MAAS/rackboot/1/signal', { status: 'OK', stage: 'tested' }, await agent());
    const failed = (await ask('GET', `2.0/machines/${id}/`)).json;
    assert.deepEqual(
      [failed.status_name, failed.status_message],
      ['Failed commissioning', 'script fan ended with status 4: it stands still'],
    );
    // The scripts that never reported were aborted.
    assert.deepEqual(await runs(), [3, 'Failed', first, ...never]);
    await ask('POST', `2.0/machines/${id}/?op=test`, { testing_scripts: 'none', comment: 'quickly' });
    assert.equal((await ask('GET', `2.0/machines/${id}/`)).json.status_name, 'Testing');
    const tests = (await ask('GET', '/MAAS/rackboot/1/scripts', undefined, await agent())).text.trim().split('\n');
    assert.equal(tests.length, 4);
    const { id: second } = (await ask('GET', `2.0/nodes/${id}/results/current-testing/`)).json;
    assert.deepEqual(await runs(), [3, 'Failed', first, 0, 'Pending', second]);
    for (const line of tests) await tell({ script_id: line.split(' ')[0], ended: 'exited', exit_status: '0' });
    await ask('POST', '/MAAS/rackboot/1/signal', { status: 'OK', stage: 'tested' }, await agent());
    assert.equal(
      (await ask('GET', `2.0/machines/${id}/`)).json.status_name,
      'Failed commissioning',
      'where it was before',
    );
    const all = (await ask('GET', `2.0/nodes/${id}/results/`)).json;
    assert.deepEqual(
      all.map((run: { type_name: string; status_name: string }) => `${run.type_name} ${run.status_name}`),
      ['Testing Passed', 'Commissioning Failed'],
    );
    assert.deepEqual(await runs(), [3, 'Failed', first, 2, 'Passed', second]);
    assert.equal((await ask('GET', `2.0/nodes/${id}/results/?type=testing`)).json.length, 1);
    assert.equal((await ask('GET', `2.0/nodes/${id}/results/${all[1].id}/`)).json.results.length, 7);
    for (const [op, field, wrong, ...right] of [
      ['', 'hardware_type', 'disk drive', '', 'node'],
      ['op=download&', 'hardware_type', 'disk drive', '', '0'],
      ['op=download&', 'filetype', 'tar.xz', 'txt', ''],
      ['op=download&', 'output', 'stdout', 'combined', ''],
    ] as const) {
      const path = `2.0/nodes/${id}/results/${all[1].id}/?${op}${field}=`;
      const refused = await ask('GET', `${path}${wrong}`);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, [field]], op);
      for (const text of right) assert.equal((await ask('GET', `${path}${text}`)).status, 200, `${field} ${text}`);
    }
    await assertStatus(ask('GET', `2.0/nodes/${id}/results/?hardware_type=disk`), 200);
    await assertStatus(ask('GET', `2.0/nodes/${id}/results/?hardware_type=disk+drive`), 400);
    const c2 = (await ask('PUT', '2.0/scripts/c2', { tags: 'heat,slow', hardware_type: 'cpu' })).json;
    assert.deepEqual([c2.tags, c2.hardware_type_name], [['heat', 'slow'], 'CPU']);
    for (const query of ['filters=heat', 'hardware_type=1', 'hardware_type=cpu&filters=c2']) {
      const chosen = (await ask('GET', `2.0/nodes/${id}/results/?${query}`)).json;
      const names = chosen.flatMap((run: { results: { name: string }[] }) => run.results.map(({ name }) => name));
      assert.deepEqual(names, ['c2'], query);
    }
    for (const [hardware, names] of [
      ['memory', ['memory', 'memory']],
      ['storage', ['disks', 'disks']],
      ['network', ['link', 'link']],
      ['gpu', []],
    ] as const) {
      const runs = (await ask('GET', `2.0/nodes/${id}/results/?hardware_type=${hardware}`)).json;
      const found = runs.flatMap((run: { results: { name: string }[] }) => run.results.map(({ name }) => name));
      assert.deepEqual(found, names, hardware);
    }
    assert.deepEqual((await ask('GET', `2.0/nodes/${id}/results/?hardware_type=cpu&filters=fan`)).json, []);
    for (const type of ['zz', 'testing,zz', '9']) {
      const refused = await ask('GET', `2.0/nodes/${id}/results/?type=${type}`);
      assert.deepEqual([refused.status, Object.keys(refused.json)], [400, ['type']], refused.text);
    }
    const typed = async (type: string) => (await ask('GET', `2.0/nodes/${id}/results/?type=${type}`)).json.length;
    assert.deepEqual([await typed('2'), await typed('Testing,1'), await typed('installation')], [1, 1, 0]);
    await assertStatus(ask('GET', '2.0/nodes/zzzzzz/results/'), 404);
  }));

test('a script beyond its time limit fails the commissioning, even if its machine is alive', () =>
  withApi(async (ask, place, id) => {
    await ask('POST', '2.0/scripts/', { name: 'endless', script: SCRIPT, timeout: '60' });
    await ask('POST', `2.0/machines/${id}/?op=accept`, {});
    const headers = async (): Promise<Headers> => ({
      'x-forwarded-for': '10.20.0.60',
      'x-rackboot-rack': SECRET,
      'x-rackboot-token': (await place.store.findMachine(id))?.bootToken ?? '',
      'x-rackboot-boot': '52:54:00:00:00:01',
    });
    const lines = (await ask('GET', '/MAAS/rackboot/1/scripts', undefined, await headers())).text.trim().split('\n');
    const script_id = lines.at(-1)?.split(' ')[0];
    const beat = { status: 'WORKING', stage: 'testing', message: 'running endless', script: 'endless', script_id };
    const tell = async () => ask('POST', '/MAAS/rackboot/1/signal', beat, await headers());
    for (let minute = 0; minute < 6; minute += 1) {
      await assertStatus(tell(), 200);
      assert.equal((await place.store.findMachine(id))?.status, 'commissioning', `after ${minute} minutes`);
      await place.clock.pass(60_000);
    }
    await place.clock.pass(1000);
    await tell();
    const machine = await place.store.findMachine(id);
    assert.equal(machine?.status, 'failed-commissioning');
    assert.match(reasonOf(machine), /endless did not end within 60 seconds/);
    const named = (await place.store.scripts.listResults(id)).map(({ name, status }) => `${name} ${status}`);
    assert.deepEqual(named.slice(-2), ['clock aborted', 'endless timed-out']);
  }));

test('a machine that restarts in the middle runs all scripts again', () =>
  withApi(async (ask, place, id) => {
    await ask('POST', `2.0/machines/${id}/?op=accept`, {});
    const headers = async (): Promise<Headers> => ({
      'x-forwarded-for': '10.20.0.60',
      'x-rackboot-rack': SECRET,
      'x-rackboot-token': (await place.store.findMachine(id))?.bootToken ?? '',
      'x-rackboot-boot': '52:54:00:00:00:01',
    });
    const begin = async () =>
      (await ask('GET', '/MAAS/rackboot/1/scripts', undefined, await headers())).text.trim().split('\n');
    const [first] = await begin();
    const tell = async (script_id: string | undefined, more: Fields) =>
      ask(
        'POST',
        '/MAAS/rackboot/1/signal',
        { status: 'WORKING', stage: 'testing', script_id, ...more },
        await headers(),
      );
    await tell(first?.split(' ')[0], { script: 'inventory' });
    const again = await begin();
    assert.notEqual(again[0], first);
    const kept = (await place.store.scripts.listResults(id)).map(({ name, status }) => `${name} ${status}`);
    assert.deepEqual([kept[0], kept[5], kept[6]], ['inventory pending', 'inventory aborted', 'disks aborted']);
    // A late report of the first boot does not change the second.
    await tell(first?.split(' ')[0], { ended: 'exited', exit_status: '1' });
    for (const line of again) await tell(line.split(' ')[0], { ended: 'exited', exit_status: '0' });
    await ask('POST', '/MAAS/rackboot/1/signal', { status: 'OK', stage: 'tested' }, await headers());
    assert.equal((await place.store.findMachine(id))?.status, 'ready');
  }));
