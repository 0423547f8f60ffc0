// The paths of the metadata service, and the meanings of reports.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMetadataPath } from '../../../src/region/metadata/metadata-tree.ts';
import { interpretReport, readSignal, readWebhook } from '../../../src/region/metadata/reports.ts';
import { printedRandom } from '../../support/printed-random.ts';

const PATHS: readonly (readonly [string, string | undefined])[] = [
  ['', 'machine versions'],
  ['////', 'machine versions'],
  ['latest', 'machine version'],
  ['2012-03-01//meta-data', 'machine meta-data'],
  ['latest/meta-data/instance-id/', 'machine leaf instance-id'],
  ['latest/meta-data/__proto__', undefined],
  ['latest/meta-data/public-keys/0', undefined],
  ['latest/user-data', 'machine user-data'],
  ['2013-01-01/user-data', undefined],
  ['curtin', 'curtin versions'],
  ['curtin/latest/user-data', 'curtin user-data'],
  ['curtin/status/abc', 'curtin status abc'],
  ['status/abc', 'machine status abc'],
  ['status', undefined],
  ['status/abc/def', undefined],
  ['latest/by-id/abc', 'machine by-id abc'],
  ['latest/by-id/abc/def', undefined],
  ['curtin/latest/by-id/abc', undefined],
  ['latest/enlist-preseed', 'machine enlist-preseed'],
  ['enlist/latest/user-data', 'enlist user-data'],
  ['enlist/status/abc', undefined],
  ['enlist/latest/by-id/abc', undefined],
  ['latest/../latest', undefined],
];
for (const [text, expected] of PATHS) {
  test(`the path ${JSON.stringify(text)} is ${expected ?? 'nothing'}`, () => {
    const parsed = parseMetadataPath(text);
    const words = parsed && [parsed.tree, ...Object.values(parsed.path)].join(' ');
    assert.equal(words, expected);
  });
}

const report = (name: string, event_type: string, result?: string) =>
  readWebhook({ name, event_type, description: 'd', result, origin: 'x' }) ?? assert.fail(name);

const MEANINGS: readonly (readonly [string, ReturnType<typeof report>, boolean, string])[] = [
  ['a stage begins', report('init-local', 'start'), false, 'WORKING init-local'],
  ['a part of a stage', report('init-local/config-x', 'start'), false, 'alive'],
  ['its last stage begins', report('modules-final', 'start'), false, 'WORKING modules-final'],
  ['its last stage ends', report('modules-final', 'finish', 'SUCCESS'), false, 'OK installed up'],
  ['its last stage ends with warnings', report('modules-final', 'finish', 'WARN'), false, 'OK installed up'],
  ['its last stage fails', report('modules-final', 'finish', 'fail'), false, 'OK installed up failure'],
  ['a stage fails', report('init-network', 'finish', 'FAIL'), false, 'WORKING init-network failure'],
  ['the same while it installs', report('modules-final', 'finish', 'SUCCESS'), true, 'WORKING modules-final'],
  ['a stage of curtin', report('cmd-install/stage-partitioning', 'start'), true, 'WORKING partitioning'],
  ['a part of one', report('cmd-install/stage-partitioning/builtin', 'start'), true, 'alive'],
  ['progress', report('cmd-install', 'progress'), true, 'alive'],
  ['curtin has failed', report('cmd-install', 'finish', 'FAIL'), true, 'FAILED cmd-install failure'],
];
for (const [name, reported, isInstalling, expected] of MEANINGS) {
  test(`${name}: ${expected}`, () => {
    const { signal, isFailure, isUp } = interpretReport(reported, isInstalling);
    const words = [
      signal === undefined ? 'alive' : `${signal.status} ${signal.stage}`,
      ...(isUp ? ['up'] : []),
      ...(isFailure ? ['failure'] : []),
    ];
    assert.equal(words.join(' '), expected);
  });
}

test('any path and any report are read or refused, without an exception', () => {
  const options = { seed: printedRandom('reports')(2 ** 31), numRuns: 2000 };
  const anything = fc.property(fc.string(), fc.jsonValue(), fc.boolean(), (text, value, isInstalling) => {
    parseMetadataPath(text);
    const read = readWebhook(value);
    if (read !== undefined) interpretReport(read, isInstalling);
    readSignal(new Map([['status', [text]]]));
  });
  fc.assert(anything, options);
});

test('a valid report has the same meaning with any additional fields', () => {
  const more = {
    event_type: 'start',
    name: 'init',
    description: 'x',
    files: [{ name: 'a', content: 'b' }],
    timestamp: 1,
  };
  assert.deepEqual(readWebhook(more), { kind: 'start', name: 'init', description: 'x', result: '', origin: '' });
  for (const status of ['__proto__', 'constructor', '', 'ok '])
    assert.equal(readSignal(new Map([['status', [status]]])), undefined);
  assert.deepEqual(
    readSignal(
      new Map([
        ['status', ['TIMEDOUT']],
        ['error', ['it hung\u0007']],
      ]),
    ),
    {
      status: 'FAILED',
      stage: '',
      message: 'it hung\\x07',
    },
  );
});
