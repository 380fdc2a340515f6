package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	cri "k8s.io/cri-client/pkg"
)

// purge removes every pod of a container runtime, the orderly way: only the runtime can take a pod's shim, network
// namespace and mounts apart without leaving something behind.
func purge() int {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cri-purge ENDPOINT")
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := purgeAll(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "cri-purge:", err)
		return 1
	}
	return 0
}

func purgeAll(ctx context.Context, endpoint string) error {
	runtime, err := cri.NewRemoteRuntimeService(ctx, endpoint, 20*time.Second, nil, false)
	if err != nil {
		return fmt.Errorf("connecting to %s: %w", endpoint, err)
	}
	containers, err := runtime.ListContainers(ctx, &runtimeapi.ContainerFilter{})
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	var stopping sync.WaitGroup
	for _, container := range containers {
		// A container that cannot be stopped alone goes with its sandbox below, where an error does count.
		stopping.Go(func() { _ = runtime.StopContainer(ctx, container.Id, 0) })
	}
	stopping.Wait()
	sandboxes, err := runtime.ListPodSandbox(ctx, &runtimeapi.PodSandboxFilter{})
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	failures := make([]error, len(sandboxes))
	var removing sync.WaitGroup
	for i, sandbox := range sandboxes {
		removing.Go(func() {
			if err := runtime.StopPodSandbox(ctx, sandbox.Id); err != nil {
				failures[i] = fmt.Errorf("stopping %s: %w", sandbox.Metadata.GetName(), err)
			} else if err := runtime.RemovePodSandbox(ctx, sandbox.Id); err != nil {
				failures[i] = fmt.Errorf("removing %s: %w", sandbox.Metadata.GetName(), err)
			}
		})
	}
	removing.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	fmt.Printf("removed %d pods\n", len(sandboxes))
	return nil
}
