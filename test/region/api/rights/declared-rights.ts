// The rights of people on each operation of the API: those that its `access` says, unless the object has an owner or a state.
//
//   anyone   every caller, without credentials, too
//   managed  users, and callers without credentials in a managed network
//   machine  every user, and the machine of the path with its key
//   user     every user, on an object of another user, too: it only reads, or makes something that belongs to the caller
//   own      the owner of the object, and administrators
//   alone    the owner of the object only
//   admin    administrators
//
// An operation in which a parameter changes the right is in `requests.ts` with this parameter, too.

export type Right = 'anyone' | 'managed' | 'machine' | 'user' | 'own' | 'alone' | 'admin';

/** The operations of lines like `GET,PUT path` and `POST path op,op`. */
const listed = (text: string): readonly string[] =>
  text
    .trim()
    .split(/\s*\n\s*/)
    .flatMap((line) => {
      const [methods = '', path = '', ops] = line.split(' ');
      return methods
        .split(',')
        .flatMap((method) => (ops === undefined ? [''] : ops.split(',')).map((op) => `${method} ${path} ${op}`.trim()));
    });

/** The operations whose `access` admits users, and that not every user may do, for both versions of the API. */
export const NARROWER: Readonly<Record<'own' | 'alone' | 'admin', readonly string[]>> = {
  own: listed(`
    POST machines/{system_id} abort,rescue_mode,exit_rescue_mode,mark_broken,deploy,release,set_owner_data
    POST machines/{system_id} set_workload_annotations,lock,unlock,debug_login,power_off,power_on,power_cycle,test
    POST machines release
    POST nodes/{system_id} abort_operation,rescue_mode,exit_rescue_mode,mark_broken,start,release,debug_login
    POST nodes/{system_id} stop,claim_sticky_ip_address
    POST nodes release
    POST devices/{system_id} set_owner_data,set_workload_annotations,restore_networking_configuration
    POST devices/{system_id} restore_storage_configuration,restore_default_configuration
    PUT,DELETE ipranges/{id}
    POST nodes/{system_id}/macs
    DELETE nodes/{system_id}/macs/{mac_address}
    POST nodes/{system_id}/interfaces create_physical
    PUT,DELETE nodes/{system_id}/interfaces/{id}
    POST nodes/{system_id}/interfaces/{id} disconnect,add_tag,remove_tag,link_subnet,unlink_subnet
    PUT,DELETE devices/{system_id}
    POST users/{username} change_password
  `),
  alone: listed(`
    POST ipaddresses release
    GET files get
    DELETE files
    GET,DELETE files/{filename}
    POST account delete_authorisation_token,update_token_name
    GET,DELETE account/prefs/sshkeys/{id}
  `),
  admin: listed(`
    POST machines/{system_id} mark_fixed,mark_missing,override_failed_testing,retire,reinstate,accept,commission
    POST nodes/{system_id} mark_fixed,mark_missing,override_failed_testing,retire,reinstate,accept,commission
    POST nodes/{system_id}/interfaces create_bond,create_bridge,create_vlan
    POST nodes/{system_id}/interfaces/{id} set_default_gateway
  `),
};
