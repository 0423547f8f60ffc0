// The smaller ports of the region's store: each method runs one operation in a transaction of its own.

import { NotOnDuty, type PowerLedger } from '../../power/ledger.ts';
import type { SshKeyStore } from '../../power/ssh-identity.ts';
import type { AccountStore } from '../../region/records/account-store.ts';
import type { AreaStore } from '../../region/records/area-store.ts';
import type { BootStore } from '../../region/records/boot-store.ts';
import type { DutyStore } from '../../region/records/duty-store.ts';
import type { FileStore } from '../../region/records/file-store.ts';
import type { LifeStore } from '../../region/records/life-store.ts';
import type { LoginStore } from '../../region/records/login-store.ts';
import type { NetworkStore } from '../../region/records/network-store.ts';
import type { RackStore } from '../../region/records/rack-store.ts';
import type { ScriptStore } from '../../region/records/script-store.ts';
import type { SessionStore } from '../../region/records/session-store.ts';
import type { UploadStore } from '../../region/records/upload-store.ts';
import type { AccountTables } from '../operations/region-accounts.ts';
import type { AreaTable } from '../operations/region-areas.ts';
import type { BootTables } from '../operations/region-boot.ts';
import { checkDuties, holdDuties, leaveDuties, timeMs } from '../operations/region-duties.ts';
import { findFile, findFileByKey, listFiles, putFile, removeFile } from '../operations/region-files.ts';
import { heldBy, leasedBetween } from '../operations/region-heard.ts';
import type { LifeTables } from '../operations/region-life.ts';
import type { LoginTable } from '../operations/region-logins.ts';
import type { NetworkTables } from '../operations/region-networks.ts';
import type { PowerTable } from '../operations/region-power.ts';
import type { RackTable } from '../operations/region-racks.ts';
import type { ScriptTables } from '../operations/region-scripts.ts';
import { closeSession, findSession, noteSession, openSession } from '../operations/region-sessions.ts';
import { findSshKey, keepSshKey } from '../operations/region-ssh-key.ts';
import type { UploadTable } from '../operations/region-uploads.ts';
import type { RegionDriver } from './region-driver.ts';
import type { ReportingDriver } from './reporting-driver.ts';

export const accountStore = (table: AccountTables, run: RegionDriver): AccountStore => ({
  addUser: (user) => run.write(() => table.addUser(user)),
  changeUser: (username, change, event) => run.write(() => table.changeUser(username, change, event)),
  removeUser: (username, event) => run.write(() => table.removeUser(username, event)),
  findUser: (username) => run.read(() => table.findUser(username)),
  listUsers: () => run.read(() => table.listUsers()),
  addKey: (key, keysMax) => run.write(() => table.addKey(key, keysMax)),
  findKey: (tokenKey) => run.read(() => table.findKey(tokenKey)),
  listKeys: (username) => run.read(() => table.listKeys(username)),
  markKeyUsed: (tokenKey, atMs) => run.write(() => table.markKeyUsed(tokenKey, atMs)),
  renameKey: (username, tokenKey, name) => run.write(() => table.renameKey(username, tokenKey, name)),
  removeKey: (username, tokenKey) => run.write(() => table.removeKey(username, tokenKey)),
});

export const lifeStore = (table: LifeTables, run: RegionDriver): LifeStore => ({
  addSshKey: (key, keysMax, event) => run.write(() => table.addSshKey(key, keysMax, event)),
  countSshKeys: () => run.read(() => table.countSshKeys()),
  countTagged: () => run.read(() => table.countTagged()),
  listSshKeys: (username) => run.read(() => table.listSshKeys(username)),
  removeSshKey: (username, id, event) => run.write(() => table.removeSshKey(username, id, event)),
  listTags: () => run.read(() => table.listTags()),
  addTag: (tag, tagsMax, event) => run.write(() => table.addTag(tag, tagsMax, event)),
  changeTag: (name, tag, event) => run.write(() => table.changeTag(name, tag, event)),
  removeTag: (name, event) => run.write(() => table.removeTag(name, event)),
  tagMachines: (name, add, remove, event) => run.write(() => table.tagMachines(name, add, remove, event)),
  userData: (systemId) => run.read(() => table.userData(systemId)),
  machineKey: (systemId) => run.read(() => table.machineKey(systemId)),
  findMachineKey: (tokenKey) => run.read(() => table.findMachineKey(tokenKey)),
  keepMachineKey: (key) => run.write(() => table.keepMachineKey(key)),
});

export const areaStore = (table: AreaTable, run: RegionDriver): AreaStore => ({
  list: (kind) => run.read(() => table.list(kind)),
  add: (kind, area, event) => run.write(() => table.add(kind, area, event)),
  change: (kind, area, event) => run.write(() => table.change(kind, area, event)),
  remove: (kind, id, event) => run.write(() => table.remove(kind, id, event)),
  moveToZone: (id, members, event) => run.write(() => table.moveToZone(id, members, event)),
});

export const fileStore = (run: RegionDriver): FileStore => ({
  put: (username, file, atMs) => run.write(() => putFile(username, file, atMs)),
  find: (username, name) => run.read(() => findFile(username, name)),
  findByKey: (key) => run.read(() => findFileByKey(key)),
  list: (username) => run.read(() => listFiles(username)),
  remove: (username, name) => run.write(() => removeFile(username, name)),
});

export const loginStore = (table: LoginTable, run: RegionDriver): LoginStore => ({
  openDebug: (systemId, login, event) => run.write(() => table.openDebug(systemId, login, event)),
  closeDebug: (systemId, event) => run.write(() => table.closeDebug(systemId, event)),
  findDebug: (systemId) => run.read(() => table.findDebug(systemId)),
  noteDebug: (systemId, note) => run.write(() => table.noteDebug(systemId, note)),
});

export const sessionStore = (run: RegionDriver): SessionStore => ({
  open: (username, session, max, overMs) => run.write(() => openSession(username, session, max, overMs)),
  find: (digest) => run.read(() => findSession(digest)),
  note: (digest, note) => run.write(() => noteSession(digest, note)),
  close: (digest) => run.write(() => closeSession(digest)),
});

export const scriptStore = (table: ScriptTables, run: RegionDriver): ScriptStore => ({
  listScripts: (kind) => run.read(() => table.listScripts(kind)),
  findScript: (name) => run.read(() => table.findScript(name)),
  addScript: (script, scriptsMax, event) => run.write(() => table.addScript(script, scriptsMax, event)),
  changeScript: (name, script, event) => run.write(() => table.changeScript(name, script, event)),
  tagScript: (name, tag, isThere, tagsMax, event) =>
    run.write(() => table.tagScript(name, tag, isThere, tagsMax, event)),
  removeScript: (name, event) => run.write(() => table.removeScript(name, event)),
  beginRun: (systemId, purpose, planned, atMs) => run.write(() => table.beginRun(systemId, purpose, planned, atMs)),
  listResults: (systemId, filter) => run.read(() => table.listResults(systemId, filter)),
  changeResult: (systemId, id, decide) => run.write(() => table.changeResult(systemId, id, decide)),
});

export const bootStore = (table: BootTables, run: ReportingDriver): BootStore => ({
  listSources: () => run.readable(() => table.listSources()),
  addFileSources: (names, atMs) => run.write(() => table.addFileSources(names, atMs)),
  addSource: (source, event) => run.write(() => table.addSource(source, event)),
  changeSource: (id, source, event) => run.write(() => table.changeSource(id, source, event)),
  removeSource: (id, event) => run.write(() => table.removeSource(id, event)),
  listSelections: (sourceId) => run.readable(() => table.listSelections(sourceId)),
  addSelection: (sourceId, selection, event) => run.write(() => table.addSelection(sourceId, selection, event)),
  changeSelection: (sourceId, id, selection, event) =>
    run.write(() => table.changeSelection(sourceId, id, selection, event)),
  removeSelection: (sourceId, id, event) => run.write(() => table.removeSelection(sourceId, id, event)),
  listResources: () => run.readable(() => table.listResources()),
  addResources: (names, atMs) => run.write(() => table.addResources(names, atMs)),
  noteProgress: (progress, atMs) => run.write(() => table.noteProgress(progress, atMs)),
  wish: (id, wish, event) => run.write(() => table.wish(id, wish, event)),
  wishCancelled: () => run.write(() => table.wishCancelled()),
  forget: (names) => run.write(() => table.forget(names)),
  check: (name, id) => run.read(() => table.check(name, id)),
  listUses: () => run.read(() => table.listUses()),
  findRun: () => run.readable(() => table.findRun()),
  changeRun: (change, event) => run.write(() => table.changeRun(change, event)),
  noteDownload: (download, event) => run.write(() => table.noteDownload(download, event)),
});

export const uploadStore = (table: UploadTable, run: ReportingDriver): UploadStore => ({
  list: () => run.readable(() => table.list()),
  begin: (upload, event) => run.write(() => table.begin(upload, event)),
  advance: (id, step) => run.write(() => table.advance(id, step)),
  fail: (id, reason, event) => run.write(() => table.fail(id, reason, event)),
  remove: (id, event) => run.write(() => table.remove(id, event)),
});

export const networkStore = (table: NetworkTables, run: ReportingDriver): NetworkStore => ({
  list: () => run.readable(() => table.list()),
  change: (decide) => run.write(() => table.change(decide)),
  usedBetween: (low, high, limit) => run.readable(() => table.usedBetween(low, high, limit)),
  leasedBetween: (low, high, nowMs) => run.read(() => leasedBetween(low, high, nowMs)),
  heldBy: (username, nowMs) => run.read(() => heldBy(username, nowMs)),
  firstUse: (question) => run.write(() => table.firstUse(question)),
});

export const rackStore = (table: RackTable, run: ReportingDriver): RackStore => ({
  look: (known) => run.readable(() => table.look(known)),
  images: (uuids) => run.read(() => table.images(uuids)),
  putImages: (uuid, images) => run.write(() => table.putImages(uuid, images)),
  describe: (uuid, description, event) => run.write(() => table.describe(uuid, description, event)),
  homesOf: (signs) => run.readable(() => table.homesOf(signs)),
  change: (decide) => run.write(() => table.change(decide)),
});

/** @param holder begins commands only while it has the duties */
export const powerLedger = (table: PowerTable, run: ReportingDriver, holder?: string): PowerLedger => ({
  begin: (entry) =>
    run.write(function* () {
      if (holder !== undefined && !(yield* checkDuties(holder))) {
        throw new NotOnDuty('store-unavailable', "another process of the region has this one's duties now");
      }
      return yield* table.begin(entry);
    }),
  end: (id, outcome, atMs) => run.write(() => table.end(id, outcome, atMs)),
  whileOnDuty: async (report) => {
    if (holder === undefined) await report();
    else await run.transact(async () => (await run.write(() => checkDuties(holder))) && (await report()));
  },
  listUnended: () => run.readable(() => table.listUnended()),
});

export const sshKeyStore = (run: RegionDriver): SshKeyStore => ({
  find: () => run.read(() => findSshKey()),
  keep: (privateKey, atMs) => run.write(() => keepSshKey(privateKey, atMs)),
});

export const dutyStore = (run: RegionDriver, holder: string): DutyStore => ({
  hold: (forMs) => run.write(() => holdDuties(holder, forMs)),
  leave: () => run.write(() => leaveDuties(holder)),
  timeMs: () => run.read(() => timeMs()),
});
