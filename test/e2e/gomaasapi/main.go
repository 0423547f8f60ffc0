// Asks a region with the Go client that Juju and Terraform are built on, and prints as JSON what that client understood.
//
//	gomaasapi BASE_URL API_KEY
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"github.com/juju/gomaasapi"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	base, key := os.Args[1], os.Args[2]
	told := map[string]interface{}{}

	// API 1.0: a node is made by a form, and the list is read as loose objects.
	client, err := gomaasapi.NewAuthenticatedClient(gomaasapi.AddAPIVersionToURL(base, "1.0"), key)
	check(err)
	nodes := gomaasapi.NewMAAS(*client).GetSubObject("nodes")
	_, err = nodes.CallPost("new", url.Values{
		"architecture":  {"amd64/generic"},
		"mac_addresses": {"52:54:00:00:00:01", "52:54:00:00:00:02"},
		"hostname":      {"made-by-go"},
	})
	check(err)
	list, err := nodes.CallGet("list", url.Values{})
	check(err)
	entries, err := list.GetArray()
	check(err)
	uris := []string{}
	for _, entry := range entries {
		object, err := entry.GetMAASObject()
		check(err)
		uris = append(uris, object.URI().String())
	}
	told["uris"] = uris

	// API 2.0: every key of every machine is demanded.
	controller, err := gomaasapi.NewController(gomaasapi.ControllerArgs{BaseURL: base, APIKey: key})
	check(err)
	machines, err := controller.Machines(gomaasapi.MachinesArgs{})
	check(err)
	shown := []map[string]interface{}{}
	for _, machine := range machines {
		shown = append(shown, map[string]interface{}{
			"fqdn":   machine.FQDN(),
			"status": machine.StatusName(),
			"memory": machine.Memory(),
			"cpus":   machine.CPUCount(),
			"nics":   len(machine.InterfaceSet()),
			"boot":   machine.BootInterface().MACAddress(),
			"disks":  len(machine.PhysicalBlockDevices()),
			"zone":   machine.Zone().Name(),
			"vendor": machine.HardwareInfo()["system_vendor"],
		})
	}
	told["machines"] = shown
	found, err := controller.Machines(gomaasapi.MachinesArgs{MACAddresses: []string{"52:54:00:00:00:02"}})
	check(err)
	told["found"] = len(found)

	// The life of a machine as Juju leads it.
	_, _, err = controller.AllocateMachine(gomaasapi.AllocateMachineArgs{Hostname: "by-itself", MinMemory: 1 << 20})
	told["no_match"] = gomaasapi.IsNoMatchError(err)
	machine, matches, err := controller.AllocateMachine(gomaasapi.AllocateMachineArgs{
		Hostname: "by-itself", MinCPUCount: 4, MinMemory: 2048, AgentName: "juju", Zone: "default",
		Storage: []gomaasapi.StorageSpec{{Label: "root", Size: 20}},
	})
	check(err)
	told["matched"] = len(matches.Storage["root"])
	told["life"] = []string{machine.StatusName()}
	step := func() { told["life"] = append(told["life"].([]string), machine.StatusName()) }
	check(machine.SetOwnerData(map[string]string{"juju-units-deployed": "mysql/0"}))
	told["owner_data"] = machine.OwnerData()
	check(machine.Start(gomaasapi.StartArgs{DistroSeries: "trixie", UserData: "I2Nsb3VkLWNvbmZpZwo=", Comment: "by juju"}))
	step()
	told["addresses"] = machine.IPAddresses()
	check(controller.ReleaseMachines(gomaasapi.ReleaseMachinesArgs{SystemIDs: []string{machine.SystemID()}, Comment: "done"}))
	err = controller.ReleaseMachines(gomaasapi.ReleaseMachinesArgs{SystemIDs: []string{"zzzzzz"}})
	told["unknown"] = gomaasapi.IsBadRequestError(err)
	released, err := controller.Machines(gomaasapi.MachinesArgs{Hostnames: []string{"by-itself"}})
	check(err)
	machine = released[0]
	step()
	check(json.NewEncoder(os.Stdout).Encode(told))
}
