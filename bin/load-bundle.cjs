// Runs a bundle of dist/ (`build.js`) with the code that V8 compiled for it at an earlier start. Sources: Node's documentation of `vm.Script`,
// `cachedData`.
//
//   dist/…/NAME.js ─ loadBundle ─ NAME.bundle.js, and the code in NODE_COMPILE_CACHE ─ … keepBundleCode
//
// 1. Node's own compile cache has only what is compiled as a file loads; this one has every function that had run when it was kept, which
//    saves a quarter of a start's processor time.
// 2. V8 refuses code of another version of itself, of other flags or of a text of another length; the digest tells texts of one length apart.
// 3. Code that V8 accepted is not written again. It is written beside its file and renamed: a start never reads half of it.
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script, constants } = require('node:vm');

/** What a bundle finds as variables; `build.js` puts some of them where the sources have `import.meta`. */
const GIVEN = [
  'exports',
  'require',
  'module',
  '__filename',
  '__dirname',
  'bundleUrl',
  'placeOf',
  'urlOf',
  'keepBundleCode',
];

/**
 * @param file the file in dist/ that stands for the bundle
 * @param name the bundle's: its path below dist/ without the ending
 * @param digest of the bundle's text
 * @returns what it exports
 */
exports.loadBundle = (file, name, digest, requireOf) => {
  const path = file.replace(/\.js$/, '.bundle.js');
  const dist = file.slice(0, -`${name}.js`.length);
  const cache = process.env.NODE_COMPILE_CACHE;
  const kept = cache ? join(cache, `${name.replaceAll('/', '-')}.code`) : undefined;
  const cachedData = readCode(kept, digest);
  const script = new Script(`(function (${GIVEN.join(', ')}) {${readFileSync(path, 'latin1')}\n})`, {
    filename: path,
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  let isKept = kept === undefined || (cachedData !== undefined && script.cachedDataRejected === false);
  const keep = () => {
    if (!isKept) writeCode(kept, digest, script.createCachedData());
    isKept = true;
  };
  const placeOf = (source) => join(dist, source);
  const urlOf = (source) => pathToFileURL(placeOf(source)).href;
  const bundle = { exports: {} };
  const run = script.runInThisContext();
  run(bundle.exports, requireOf, bundle, path, dirname(path), pathToFileURL(path).href, placeOf, urlOf, keep);
  return bundle.exports;
};

function readCode(path, digest) {
  if (path === undefined) return undefined;
  try {
    const bytes = readFileSync(path);
    return bytes.latin1Slice(0, digest.length) === digest ? bytes.subarray(digest.length) : undefined;
  } catch {
    // The first start, or another user's code: V8 compiles.
    return undefined;
  }
}

function writeCode(path, digest, code) {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const part = `${path}.${process.pid}`;
    writeFileSync(part, Buffer.concat([Buffer.from(digest, 'latin1'), code]), { mode: 0o600 });
    renameSync(part, path);
  } catch {
    // A full disk, or a directory of another user: each start compiles.
  }
}
