-- Who may do what. Roles belong to the whole cluster, so each is made only where it is missing; passwords are
-- set by whoever runs the installation, never here. `genesis_owner` owns everything in `door` and can not log
-- in: functions that write run as it (SECURITY DEFINER), so that no login role writes a table of `door` itself.

-- migrate:up
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('genesis_owner',     'NOLOGIN'),
            ('genesis_door',      'LOGIN'),
            ('genesis_projector', 'LOGIN'),
            ('genesis_sweeper',   'LOGIN'),
            ('genesis_generator', 'LOGIN'),
            ('genesis_debezium',  'LOGIN REPLICATION')
        ) AS roles (name, attributes)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name);
        BEGIN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this cluster is being migrated at the same moment
        END;
    END LOOP;
    -- An administrator who is no superuser must be a member of the roles whose property it arranges.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT genesis_owner, genesis_projector TO %I', current_user);
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT ON DATABASE %I TO genesis_door, genesis_projector, genesis_sweeper, genesis_generator,'
        ' genesis_debezium', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO genesis_projector', current_database());
END
$$;

-- Whatever the projector creates (schema `read`, later `read_next`) the door and the sweeper may read, and no more.
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector GRANT USAGE ON SCHEMAS TO genesis_door, genesis_sweeper;
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector GRANT SELECT ON TABLES TO genesis_door, genesis_sweeper;
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- migrate:down
-- The roles stay: another database of the cluster may live by them.
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector REVOKE USAGE ON SCHEMAS FROM genesis_door, genesis_sweeper;
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector REVOKE SELECT ON TABLES FROM genesis_door, genesis_sweeper;
ALTER DEFAULT PRIVILEGES FOR ROLE genesis_projector GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
    EXECUTE format(
        'REVOKE ALL ON DATABASE %I FROM genesis_door, genesis_projector, genesis_sweeper, genesis_generator,'
        ' genesis_debezium', current_database());
END
$$;
