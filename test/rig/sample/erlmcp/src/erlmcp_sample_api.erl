%% What port 9090 answers: health for operators, control and fingerprints for tests.
-module(erlmcp_sample_api).

-export([handle/3]).

-spec handle(atom() | binary(), binary(), map()) -> {pos_integer(), map()}.
handle('GET', <<"/health">>, Query) ->
    health(Query);
handle(Method, Path, Query) ->
    case erlmcp_sample_loader:ready() of
        true -> control(Method, Path, Query);
        false -> {503, #{error => <<"the tables are not ready">>}}
    end.

control('GET', <<"/witness">>, _Query) ->
    {200, #{
        mnesia => erlmcp_sample_mnesia:witness(),
        ets => erlmcp_sample_ets:call(witness),
        dets => erlmcp_sample_dets:call(witness)
    }};
control('GET', <<"/fingerprint">>, Query) ->
    Component = choice(Query, <<"component">>, all, [all, ets, dets, mnesia]),
    {200, #{node => node(), tables => erlmcp_sample_fingerprint:tables(Component)}};
control('POST', <<"/writer/quiesce">>, _Query) ->
    ok = erlmcp_sample_writer:quiesce(),
    {200, #{writer => erlmcp_sample_writer:state()}};
control('POST', <<"/writer/resume">>, Query) ->
    Writers = number(Query, <<"writers">>, erlmcp_sample_config:get(writers)),
    Tps =
        case maps:get(<<"tps">>, Query, default) of
            default -> erlmcp_sample_config:get(tps);
            <<"unlimited">> -> unlimited;
            _ -> number(Query, <<"tps">>, 0)
        end,
    ok = erlmcp_sample_writer:resume(Writers, Tps),
    {200, #{writer => erlmcp_sample_writer:state()}};
control('POST', <<"/rows">>, Query) ->
    Operation = choice(Query, <<"op">>, none, [update, scatter, append, delete]),
    {Component, Table} = table(Query),
    Options = #{
        count => number(Query, <<"count">>, 1),
        from => number(Query, <<"from">>, 1),
        every => number(Query, <<"every">>, 1000),
        version => number(Query, <<"version">>, 1)
    },
    {200, #{changed => erlmcp_sample_change:rows(Operation, Component, Table, Options)}};
control('POST', <<"/table">>, Query) ->
    {Component, Table} = table(Query),
    case choice(Query, <<"op">>, none, [create, delete]) of
        create ->
            Type = choice(Query, <<"type">>, set, [set, ordered_set, bag, duplicate_bag]),
            Rows = number(Query, <<"rows">>, 0),
            ok = erlmcp_sample_change:create(Component, Table, Type, Rows);
        delete ->
            ok = erlmcp_sample_change:delete(Component, Table)
    end,
    {200, #{table => Table}};
control(_Method, _Path, _Query) ->
    {404, #{error => <<"no such path; README.md of the sample lists them">>}}.

health(Query) ->
    Facts = #{
        node => node(),
        otp_release => list_to_binary(erlang:system_info(otp_release)),
        uptime_ms => element(1, erlang:statistics(wall_clock)),
        nodes => erlang:nodes(),
        tables => #{ets => length(ets:all()), dets => length(dets:all()), mnesia => mnesia_tables()}
    },
    case erlmcp_sample_loader:ready() of
        true ->
            Writer = Facts#{status => ok, tables_loaded => true, writer => erlmcp_sample_writer:state()},
            {200, with_stats(Writer, Query)};
        false ->
            {503, Facts#{status => starting, tables_loaded => false}}
    end.

with_stats(Facts, #{<<"stats">> := _} = Query) ->
    Facts#{
        stats => erlmcp_sample_writer:stats(maps:is_key(<<"reset">>, Query)),
        memory_bytes => maps:from_list(erlang:memory())
    };
with_stats(Facts, _Query) ->
    Facts.

%% Zero while Mnesia is not running yet.
mnesia_tables() ->
    case mnesia:system_info(is_running) of
        yes -> length(mnesia:system_info(tables));
        _ -> 0
    end.

table(Query) ->
    Component = choice(Query, <<"component">>, mnesia, [mnesia, ets, dets]),
    case maps:get(<<"table">>, Query, <<>>) of
        <<>> -> throw({bad_request, <<"table= is missing">>});
        %% The one table of the sample whose name is a binary.
        <<"queue">> when Component =:= dets -> {dets, <<"queue">>};
        Name -> {Component, binary_to_atom(Name)}
    end.

number(Query, Key, Default) ->
    case maps:find(Key, Query) of
        error ->
            Default;
        {ok, Text} ->
            case string:to_integer(Text) of
                {Value, <<>>} when Value >= 0 -> Value;
                _ -> throw({bad_request, <<Key/binary, " is no whole number">>})
            end
    end.

choice(Query, Key, Default, Allowed) ->
    case maps:find(Key, Query) of
        error when Default =:= none ->
            throw({bad_request, <<Key/binary, "= is missing">>});
        error ->
            Default;
        {ok, Text} ->
            case [Value || Value <- Allowed, atom_to_binary(Value) =:= Text] of
                [Value] -> Value;
                [] -> throw({bad_request, <<Key/binary, " has an unknown value">>})
            end
    end.
