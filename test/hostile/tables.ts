// Every table of the databases, and what bounds its rows. `tables.test.ts` refuses a table without an entry here, and an entry with a
// bound that is not in the table of bounds (`bounds.ts`).
//
// An entry is one of these, or several joined by `and`; a table with rows for each row of another names that one: `machine, each …`.
//
//   room/file.ts NAME_MAX    a bound of the table of bounds
//   TABLE                    as many rows as another table of the same file has
//   one of REASONS           no outside client can add to it

/** Why a table needs no bound of its own. */
export const ROW_REASONS = {
  administrators: 'only administrators add rows, one by one, for people',
  addresses: 'a row for each block of the addresses that the operator has configured',
  connections: 'a row for each connection of the processes that the operator runs, for some days',
  named: 'a row for each name in the code',
  one: 'one row',
} as const;

/** By file below `src`, and table. */
export const TABLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'store/leases/lease-schema.ts': {
    log: 'store/leases/lease-database.ts LOG_HISTORY_MAX and store/leases/lease-worker.ts FOLD_BACKLOG_MAX',
    lease_block: 'addresses',
    fold: 'one',
    probe: 'one',
  },
  'store/outbox/outbox-schema.ts': {
    outbox: 'one',
    entry: 'uplink/outbox-store.ts OUTBOX_BOUNDS',
    dropped: 'named',
    dead_letter: 'uplink/outbox-store.ts OUTBOX_BOUNDS',
  },
  'store/postgres/postgres-form.ts': {
    claim: 'region/identity/enlistment.ts MACHINES_MAX',
    commit_mark: 'connections',
    duty: 'one',
    host_images: 'region/records/host-image-store.ts PLACES_MAX',
  },
  'store/postgres/region-postgres.ts': { rackboot: 'one' },
  'store/region/region-schema.ts': {
    machine: 'region/identity/enlistment.ts MACHINES_MAX',
    interface: 'machine, each region/identity/interface-source.ts INTERFACES_MAX',
    identity: 'machine, each named',
    shared_identity: 'store/operations/region-identity.ts SHARED_VALUES_MAX',
    machine_pair: 'store/operations/region-identity.ts CONFLICTS_MAX and administrators',
    tag: 'region/records/tags.ts TAGS_MAX',
    machine_tag: 'machine, each region/records/tags.ts TAGS_MAX',
    allocation: 'interface',
    user_data: 'machine',
    machine_key: 'machine',
    debug_login: 'machine',
    power_command: 'store/operations/region-power.ts ENDED_MAX and machine',
    script: 'region/scripts/script-text.ts SCRIPTS_MAX',
    script_run: 'machine, each region/records/script-store.ts RUNS_MAX',
    script_result: 'script_run, each region/scripts/script-text.ts SCRIPTS_MAX',
    event: 'store/sqlite/region-sqlite.ts EVENT_BOUNDS',
    event_history: 'store/operations/region-histories.ts HISTORIES_MAX',
    event_source: 'store/operations/region-events.ts SOURCES_MAX',
    rack: 'region/records/rack.ts RACKS_MAX',
    rack_images: 'rack',
    setting: 'region/settings.ts SETTINGS_MAX',
    gone_machine: 'store/operations/region-versions.ts GONE_VERSIONS',
    region_ssh_key: 'one',
    counter: 'named',
  },
  'store/region/area-schema.ts': { area: 'region/records/area.ts AREAS_MAX' },
  'store/region/people-schema.ts': {
    account: 'administrators',
    api_key: 'account, each region/accounts/accounts.ts KEYS_PER_USER_MAX',
    ssh_key: 'account, each region/accounts/ssh-keys.ts SSH_KEYS_PER_USER_MAX',
    session: 'region/page/sessions.ts SESSIONS_MAX',
    stored_file: 'region/records/file-store.ts FILES_PER_USER_MAX and administrators',
  },
  'store/region/boot-schema.ts': {
    boot_source: 'region/records/boot-store.ts SOURCES_MAX',
    boot_selection: 'boot_source, each region/records/boot-store.ts SELECTIONS_MAX',
    boot_resource: 'region/records/boot-store.ts RESOURCES_MAX',
    boot_run: 'one',
    boot_upload: 'region/records/upload-store.ts UPLOADS_MAX',
  },
  'store/region/network-schema.ts': {
    host_lease: 'region/records/rack.ts RACKS_MAX and store/operations/region-heard.ts HOST_LEASES_MAX',
    network_space: 'region/records/network-store.ts SPACES_MAX',
    fabric: 'region/records/network-store.ts FABRICS_MAX',
    vlan: 'region/records/network-store.ts VLANS_MAX',
    subnet: 'region/records/network-store.ts SUBNETS_MAX',
    address_range: 'region/records/network-store.ts RANGES_MAX',
    reserved_address: 'region/records/network-store.ts RESERVED_MAX',
    static_route: 'region/records/network-store.ts ROUTES_MAX',
    subnet_connection: 'region/records/network-store.ts CONNECTIONS_MAX',
  },
};
