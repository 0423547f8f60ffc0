// The source of images that the parameters of the API describe: its place, and how it is protected.
//
// 1. A source has keys, or says that it is unsigned, and why (`images/sources/source.ts`). An
//    unsigned one is fetched by HTTPS.

import { cleanText, isPrintable } from '../../../ground/clean-text.ts';
import type { BootImages } from '../../images/boot-images.ts';
import { isIndexUrl, parseKeyring, parseSourceUrl } from '../../images/region-source.ts';
import { KEYRING_BYTES_MAX, WHY_CHARACTERS_MAX, type WrittenBootSource } from '../../records/boot-store.ts';
import { type Answer, combineOrRefuse, isRefusal, type Refusal, refuseField } from '../call/answer.ts';
import { type ApiCall, isTrue } from '../call/operation.ts';

/** The parameters, as texts; undefined: unchanged, or the default. */
export type GivenSource = {
  readonly [Name in 'url' | 'index' | 'keyring_filename' | 'keyring_data' | 'unsigned' | 'why']?: string | undefined;
};

/** The URL and the index made from the parameters. An empty index is that in the URL, or the usual one. */
function parseSourceLocation(input: GivenSource, before: WrittenBootSource | undefined) {
  const url = parseSourceUrl(input.url ?? before?.url ?? '');
  // A new URL that names its index replaces an index that was given before.
  const previousIndex = input.url === undefined || !isIndexUrl(input.url) ? before?.index : undefined;
  const index = input.index?.trim() ?? previousIndex ?? '';
  const isTwice = index !== '' && isIndexUrl(url ?? '');
  return combineOrRefuse(
    url ??
      refuseField(
        'url',
        'Give the http or https URL of a site with simplestreams, without a password, a query or a fragment, at most 1024 characters.',
      ),
    isTwice
      ? refuseField('index', 'The URL already names the index: give the URL of the site, or leave this out.')
      : (parseIndex(index) ??
          (index === ''
            ? ''
            : refuseField(
                'index',
                'Give the path of the index below the URL, such as streams/v1/index.json: it ends in .sjson or .json.',
              ))),
  );
}

/** The path of an index below the URL of its site. @returns undefined for any other text */
const parseIndex = (text: string) =>
  /\.s?json$/.test(text) && text.split('/').every((name) => /^(?!\.{1,2}$)[\w.~+-]+$/.test(name)) ? text : undefined;

type SourceTrust = Pick<WrittenBootSource, 'keyringFilename' | 'keyring' | 'why'>;
const NO_KEYS = { keyringFilename: '', keyring: new Uint8Array() };

const KEYRING_DATA = `Give OpenPGP keys, as a file, in armor or in Base64, at most ${KEYRING_BYTES_MAX} bytes.`;

/**
 * The trust made from the parameters. Keys of one kind replace those of the other, and both replace
 * a trust without a signature.
 */
function parseSourceTrust(
  input: GivenSource,
  before: SourceTrust | undefined,
  url: string | undefined,
): SourceTrust | Refusal {
  const file = input.keyring_filename?.trim() ?? '';
  const data = input.keyring_data?.trim() ?? '';
  const hasKeys = file !== '' || data !== '';
  const isUnsigned = input.unsigned === undefined ? before?.why !== undefined && !hasKeys : isTrue(input.unsigned);
  if (isUnsigned) {
    const why = cleanText(input.why?.trim() ?? before?.why ?? '', WHY_CHARACTERS_MAX);
    const checked = combineOrRefuse(
      hasKeys
        ? refuseField('unsigned', 'An unsigned source has no keys: leave them out, or do not say that it is unsigned.')
        : undefined,
      why === '' ? refuseField('why', 'Say why the site is trusted without a signature.') : why,
      url === undefined || /^https:/i.test(url)
        ? undefined
        : refuseField('url', 'Give an https URL: only HTTPS protects the images of an unsigned source.'),
    );
    return isRefusal(checked) ? checked : { ...NO_KEYS, why };
  }
  const isPath = file === '' || (file.startsWith('/') && isPrintable(file));
  const checked = combineOrRefuse(
    file !== '' && data !== ''
      ? refuseField('keyring_data', 'Give the path of a file with keys or the keys themselves, not both.')
      : (parseKeyring(data) ?? refuseField('keyring_data', KEYRING_DATA)),
    isPath
      ? undefined
      : refuseField(
          'keyring_filename',
          'Give the absolute path of a file with OpenPGP keys, at most 1024 printable characters.',
        ),
    (input.why?.trim() ?? '') === ''
      ? undefined
      : refuseField('why', 'Only an unsigned source has this: leave it out, or say that the source is unsigned.'),
  );
  if (isRefusal(checked)) return checked;
  const [keyring] = checked;
  if (hasKeys) return { keyringFilename: file, keyring, why: undefined };
  if (before === undefined || before.why !== undefined)
    return refuseField(
      'keyring_data',
      'Give the path of a file with the keys of the site, or the keys themselves. For a site without signatures, say instead that it is unsigned, and why.',
    );
  return { keyringFilename: before.keyringFilename, keyring: before.keyring, why: undefined };
}

/**
 * Refuses what only the next import would notice otherwise, as `rackboot images sources` does: a
 * missing file, and data without keys.
 */
async function judgeKeys(
  { keyring, keyringFilename: file }: SourceTrust,
  before: SourceTrust | undefined,
  deps: SourceDeps,
) {
  if (file !== '' && file !== before?.keyringFilename && !(await deps.hasFile(file)))
    return refuseField(
      'keyring_filename',
      `This host of the region has no file ${file}: install the package that has it, or copy the keys of the site there.`,
    );
  const fault = keyring.length === 0 || keyring === before?.keyring ? undefined : await deps.judgeKeyring(keyring);
  if (fault === 'large-keyring')
    return refuseField(
      'keyring_data',
      'There are more keys and signatures than are read: give the keys of the site alone: gpg --export --export-options export-minimal KEY',
    );
  return fault && refuseField('keyring_data', KEYRING_DATA);
}

type SourceDeps = Pick<BootImages, 'hasFile' | 'judgeKeyring'>;

/**
 * Checks the given keys before a transaction, in which nothing may wait for the host or for
 * cryptography. @returns the means with the results
 */
async function checkedMeans(input: GivenSource, deps: SourceDeps): Promise<SourceDeps> {
  const file = input.keyring_filename?.trim() ?? '';
  const keyring = parseKeyring(input.keyring_data?.trim() ?? '');
  const hasFile = file === '' || (await deps.hasFile(file));
  const fault = keyring === undefined || keyring.length === 0 ? undefined : await deps.judgeKeyring(keyring);
  return { hasFile: async () => hasFile, judgeKeyring: async () => fault };
}

/** Makes the source from the parameters and the source before, if any. */
export type MakeSource = (
  input: GivenSource,
  before: WrittenBootSource | undefined,
) => Promise<WrittenBootSource | Refusal>;
/** Changes a source; it runs in a transaction. */
export type SourceChange = (call: ApiCall, input: GivenSource, make: MakeSource) => Promise<Answer>;

async function sourceMaker({ region }: ApiCall, keys: GivenSource): Promise<MakeSource> {
  const deps = await checkedMeans(keys, region.bootImages);
  return (input, before) => buildSource(input, before, region.clock.wallTimeMs(), deps);
}

/** Changes a source. */
export async function changeChecked(call: ApiCall, input: GivenSource, run: SourceChange): Promise<Answer> {
  const make = await sourceMaker(call, input);
  return await call.region.transact(() => run(call, input, make));
}

/** The source made from the parameters and the source before, if any; or a refusal. @param nowMs wall time */
async function buildSource(
  input: GivenSource,
  before: WrittenBootSource | undefined,
  nowMs: number,
  deps: SourceDeps,
): Promise<WrittenBootSource | Refusal> {
  const checked = combineOrRefuse(
    parseSourceLocation(input, before),
    parseSourceTrust(input, before, parseSourceUrl(input.url ?? before?.url ?? '')),
  );
  if (isRefusal(checked)) return checked;
  const [[url, index], trust] = checked;
  const refused = await judgeKeys(trust, before, deps);
  return refused ?? { url, index: index === '' ? undefined : index, ...trust, updatedMs: nowMs };
}
